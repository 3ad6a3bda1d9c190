// The membrane's state, and what an interval between events does to it.
#pragma once

// The postsynaptic potential: tau is the slower constant, beta = 1/tau_s - 1/tau, and the rates are
// the inverses of what they are named after (per_beta: 0 at beta = 0). Division is slow.
struct Psp {
    double tau, tau_s, beta, kappa, rate, rate_s, per_beta;

    // exp(-u/tau), exp(-u/tau_s)
    __device__ double slow(double u) const { return exp(-u * rate); }
    __device__ double fast(double u) const { return exp(-u * rate_s); }

    // phi(u) = K(u)/kappa, given slow(u)
    __device__ double phi(double u, double slow) const
    {
        return slow * (beta > 0.0 ? -expm1(-beta * u) * per_beta : u);
    }
};

// The membrane just after an event: potential V and slope V'.
struct State {
    double v, d;
};

// An interval between events and what it does to a state.
struct Interval {
    double start, end;
    double v_from_v, v_from_d, d_from_v, d_from_d;
};

__device__ Interval interval_between(const Psp& psp, double start, double end)
{
    const double u = end - start;
    const double slow = psp.slow(u);
    const double phi = psp.phi(u, slow);
    const double lost = phi * psp.rate;
    Interval interval;
    interval.start = start;
    interval.end = end;
    interval.v_from_v = slow + lost;
    interval.v_from_d = phi;
    interval.d_from_v = -lost * psp.rate_s;
    interval.d_from_d = psp.fast(u) - lost;
    return interval;
}

__device__ State after(const Interval& interval, State state)
{
    State next;
    next.v = interval.v_from_v * state.v + interval.v_from_d * state.d;
    next.d = interval.d_from_v * state.v + interval.d_from_d * state.d;
    return next;
}

// What a readout a V(t*) + b V'(t*) is in terms of a state before t*: its own a and b.
struct Costate {
    double v, d;
};

// Go back across an interval, by the transpose of what it does to states.
__device__ Costate before(const Interval& interval, Costate costate)
{
    Costate earlier;
    earlier.v = interval.v_from_v * costate.v + interval.d_from_v * costate.d;
    earlier.d = interval.v_from_d * costate.v + interval.d_from_d * costate.d;
    return earlier;
}
