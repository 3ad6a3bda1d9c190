// The time at which a rising potential reaches the threshold, between two events.
#pragma once

#include "steps.cuh"

constexpr int ROOT_STEPS = 12;  // as in tempotron_core/readouts/crossing.py

// Root of V(u) = threshold on [0, top], where V rises and is concave: Euler's parabola from the
// top, bracketed by bisection, as in tempotron_core/readouts/crossing.py. Potentials are taken in
// units of the largest there is and slopes per tau, so that no square leaves the range of numbers.
__device__ double rising_root(const Psp& psp, State state, double top, double threshold)
{
    const double slow_top = psp.slow(top);
    const double v_top = slow_top * state.v
                         + psp.phi(top, slow_top) * (state.d + state.v * psp.rate);
    double unit = fabs(state.v) > fabs(v_top) ? fabs(state.v) : fabs(v_top);
    unit = unit > threshold ? unit : threshold;
    state.v /= unit;
    state.d /= unit;
    threshold /= unit;
    const double drive = state.d + state.v * psp.rate, ratio = psp.tau * psp.rate_s;
    double low = 0.0, high = top, u = top;
    for (int step = 0; step < ROOT_STEPS; ++step) {
        double slow = psp.slow(u);
        const double driven = psp.tau * drive * psp.fast(u);  // tau kappa s(u)
        const double v = slow * state.v + psp.phi(u, slow) * drive;
        const double excess = v - threshold;
        const double slope = driven - v;
        const double curvature = -driven * ratio - slope;
        if (excess > 0.0)
            high = u;
        else
            low = u;
        const double square = slope * slope - 2.0 * excess * curvature;
        const double divisor = slope + sqrt(square > 0.0 ? square : 0.0);
        double target = divisor > 0.0 ? u - 2.0 * excess / divisor * psp.tau : u;
        if (!(target >= low && target <= high))
            target = 0.5 * (low + high);
        if (target == u)
            break;
        u = target;
        const double middle = 0.5 * (low + high);
        slow = psp.slow(middle);
        if (slow * state.v + psp.phi(middle, slow) * drive > threshold)
            high = middle;
        else
            low = middle;
        u = u < low ? low : u > high ? high : u;
    }
    return u;
}
