// The time at which a rising potential reaches the threshold, between two events.
#pragma once

#include "steps.cuh"

constexpr int ROOT_STEPS = 12;  // as in tempotron_core/readouts/crossing.py

// Root of V(u) = threshold on [0, top], where V rises and is concave: Euler's parabola from the
// top, bracketed by bisection, as in tempotron_core/readouts/crossing.py.
__device__ double rising_root(const Psp& psp, State state, double top, double threshold)
{
    const double drive = state.d + state.v * psp.rate;
    double low = 0.0, high = top, u = top;
    for (int step = 0; step < ROOT_STEPS; ++step) {
        double slow = psp.slow(u);
        const double driven = drive * psp.fast(u);  // kappa s(u)
        const double v = slow * state.v + psp.phi(u, slow) * drive;
        const double excess = v - threshold;
        const double slope = driven - v * psp.rate;
        const double curvature = -driven * psp.rate_s - slope * psp.rate;
        if (excess > 0.0)
            high = u;
        else
            low = u;
        const double square = slope * slope - 2.0 * excess * curvature;
        const double divisor = slope + sqrt(square > 0.0 ? square : 0.0);
        double target = divisor > 0.0 ? u - 2.0 * excess / divisor : u;
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
