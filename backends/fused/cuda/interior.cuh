// The largest potential of an interval between events.
#pragma once

#include "steps.cuh"

// Raise `best` to the largest potential of an interval, if that is larger; `reach` is then how far
// from the interval's start it lies. `next` is the state at the interval's end.
//
// V' changes sign at most once between events, so there is an interior maximum iff V' > 0 at the
// start and V' < 0 at the end (where it may have decayed to 0). V is concave up to it, so the
// tangent at the start bounds it and most intervals need no logarithm. With kappa s = V' + V/tau
// it is at
//     u = [log1p(beta tau) - log1p(beta V/(kappa s))]/beta     (tau - V/(kappa s) at beta = 0),
//     V(u) = tau_s (kappa s + beta V) exp(-u/tau).
__device__ bool raise(const Psp& psp, const Interval& interval, State state, State next,
                      double& best, double& reach)
{
    bool raised = false;
    const double length = interval.end - interval.start;
    const double bound = state.v + state.d * length;
    if (state.d > 0.0 && next.d <= 0.0 && bound > best) {
        const double drive = state.d + state.v * psp.rate;
        const double scaled = drive + psp.beta * state.v;
        if (drive > 0.0 && scaled > 0.0) {  // else V' only decays to 0
            double u = psp.beta > 0.0 ? (log1p(psp.beta * psp.tau)
                                         - log1p(psp.beta * state.v / drive)) * psp.per_beta
                                      : psp.tau - state.v / drive;
            u = u < 0.0 ? 0.0 : u > length ? length : u;
            double inside = psp.tau_s * scaled * psp.slow(u);
            // `bound` rules out the same maxima for peaks and crossings, which compare it with
            // different numbers: none that is above it after rounding
            inside = inside < bound ? inside : bound;
            if (inside > best) {
                best = inside;
                reach = u;
                raised = true;
            }
        }
    }
    if (next.v > best) {
        best = next.v;
        reach = length;
        raised = true;
    }
    return raised;
}

// An event's time is kept to the last digit: the gradient asks whether a peak is at an event. The
// sum of a start and a reach, each rounded, may pass the end.
__device__ double time_at(const Interval& interval, double reach)
{
    const double time = interval.start + reach;
    return reach < interval.end - interval.start && time < interval.end ? time : interval.end;
}
