// Backward, first half: what a readout's gradient starts from, at the time it reads.
#pragma once

#include "arrays.cuh"
#include "chunk.cuh"
#include "steps.cuh"

// What a time t* is of: see `cotangents`.
constexpr int PEAK = 0, CROSSING = 1;  // and GRID_PEAK = 2

// Cotangents of one read time t* per (pattern, output), as what `adjoint` starts from.
//
// Readouts pull back to every spike before t*, at the distance x = t* - t_f, as
//     dL/dw += h(x),   dL/dt_f += -w h'(x),   h = p K + q K'
// and to the spikes at exactly t* as dL/dt_f += at_spike w. With L = V'(t*-), and W the summed
// weight of the spikes at t*:
//   CROSSING   p = -t_bar/L.
//   PEAK       p = v_bar. At a kink, W < 0 < L: at_spike = (v_bar L + t_bar)/W. At a smooth peak
//              q = -t_bar/V''(t*). Where rounding put a smooth peak on a spike, L/W is brought
//              into [-kappa, 0] (the one-sided derivative).
//   GRID_PEAK  p = v_bar; spikes at t* count with K'(0+): at_spike = -kappa v_bar.
// Slopes come from a second forward scan, up to t*; it is left out where none is needed. What the
// runs of events contribute to V(t*) and its slope is added up, so none waits for another.
//
// v_bar, t_bar [B, O] in the weights' dtype or null, t_star [B, O] in the times' dtype;
// crossing_event as `scan` gave it where later events are to be ignored, else null. Results
// [B, O]: p, q (null if t_bar is null or of a crossing), at_spike (null if no time gradient is
// wanted). All are zero for pairs without a cotangent and for those that are silent.
extern "C" __global__ void __launch_bounds__(MAX_THREADS, MIN_BLOCKS)
    cotangents(const void* times_data, int times_double, const void* afferents_data,
               int afferents_wide, const int64* __restrict__ counts, const void* weights_data,
               int weights_double, const void* v_bar_data, const void* t_bar_data,
               const void* t_star_data, const int64* __restrict__ crossing_event, double* p,
               double* q, double* at_spike, int64 n_patterns, int64 n_events, int64 n_outputs,
               double duration, double tau, double tau_s, double beta, double kappa, double rate,
               double rate_s, double per_beta, double min_slope, int readout)
{
    __shared__ Chunk<STAGED> chunk;
    __shared__ double vs[MAX_THREADS], drivens[MAX_THREADS], groups[MAX_THREADS];
    const Reals times = {times_data, times_double}, weights = {weights_data, weights_double};
    const Reals v_bars = {v_bar_data, weights_double}, t_bars = {t_bar_data, weights_double};
    const Reals t_stars = {t_star_data, times_double};
    const Integers afferents = {afferents_data, afferents_wide};
    const Psp psp = {tau, tau_s, beta, kappa, rate, rate_s, per_beta};
    const bool needs_slopes =
        readout == CROSSING
        || (readout == PEAK && (t_bar_data != nullptr || at_spike != nullptr));
    const Share share = share_of<STAGED>(n_outputs);

    for (int64 b = blockIdx.x; b < n_patterns; b += gridDim.x)
        for (int64 tile = blockIdx.y; tile < share.n_tiles; tile += gridDim.y) {
            const int64 first_event = b * n_events;
            const int64 count = counts[b];
            const int64 o = tile * share.width + share.column;
            const int64 pair = b * n_outputs + o;
            const bool mine = share.run < share.runs && o < n_outputs;
            bool active = mine;
            bool lost = false;
            double v_bar = 0.0, t_bar = 0.0, t_star = 0.0;
            int64 last = 0;
            if (active) {
                lost = isnan(t_stars[pair]);
                t_star = read_time(t_stars, pair, duration);
                v_bar = v_bar_data == nullptr ? 0.0 : v_bars[pair];
                t_bar = t_bar_data == nullptr ? 0.0 : t_bars[pair];
                last = crossing_event == nullptr ? count : crossing_event[pair];
                // a silent pair's peak is at 0, where V is at rest; it crosses nothing at infinity
                const bool reads = readout == PEAK ? t_star > 0.0 : isfinite(t_star);
                active = reads && (v_bar != 0.0 || t_bar != 0.0);
            }

            // of this thread's runs: V(t*), kappa s(t*) = V' + V/tau, and the weights at t*
            double v = 0.0, driven = 0.0, group = 0.0;
            for (int64 begin = 0; begin < count; begin += share.events) {
                if (!__syncthreads_or(active && needs_slopes && begin <= last
                                      && times[first_event + begin] <= t_star))
                    break;  // no thread of this block looks at what is left
                load(chunk, share, psp, times, afferents, weights, first_event, begin, count,
                     n_outputs, o, mine, duration);
                const int from = share.run * chunk.length;
                const int to = at_most(from + chunk.length, chunk.size);
                State state = {0.0, 0.0};  // just after the last event before t*
                double since = -1.0;       // when that was; never yet
                for (int j = from; j < to && active; ++j) {
                    const double now = chunk.intervals[j].start;
                    if (now > t_star || begin + j > last)
                        break;
                    const double w = chunk.weights[j * share.width + share.column];
                    if (now < t_star) {
                        if (j > from)
                            state = after(chunk.intervals[j - 1], state);
                        state.d += kappa * w;
                        since = now;
                    } else {
                        group += w;
                    }
                }
                if (since >= 0.0) {
                    const double x = t_star - since;
                    const double slow = psp.slow(x);
                    const double drive = state.d + state.v * psp.rate;
                    driven += drive * psp.fast(x);
                    v += slow * state.v + psp.phi(x, slow) * drive;
                }
            }

            __syncthreads();
            vs[threadIdx.x] = v;
            drivens[threadIdx.x] = driven;
            groups[threadIdx.x] = group;
            __syncthreads();
            if (!mine || share.run > 0)
                continue;
            for (int other = share.width + share.column; other < share.runs * share.width;
                 other += share.width) {
                v += vs[other];
                driven += drivens[other];
                group += groups[other];
            }
            double p_pair = 0.0, q_pair = 0.0, at_spike_pair = 0.0;
            if (active && lost) {
                p_pair = t_stars[pair];  // NaN
                at_spike_pair = p_pair;
            } else if (active && !needs_slopes) {
                p_pair = v_bar;
                at_spike_pair = -kappa * v_bar;
            } else if (active) {
                const double slope = driven - v * psp.rate;  // L
                if (readout == CROSSING) {
                    const double total = slope > min_slope ? slope : min_slope;
                    p_pair = total > 0.0 ? -t_bar / total : 0.0;
                } else {
                    const bool inside = t_star < duration;
                    const double kappa_2 = -kappa * (psp.rate_s + psp.rate);  // K''(0+)
                    const bool kink = inside && group < 0.0 && slope > 0.0;
                    p_pair = v_bar;
                    if (inside && group != 0.0) {
                        double share_of_slope = slope / group;
                        share_of_slope = share_of_slope < -kappa ? -kappa
                                         : share_of_slope > 0.0  ? 0.0
                                                                 : share_of_slope;
                        at_spike_pair = v_bar * share_of_slope;
                    }
                    if (kink) {
                        at_spike_pair += t_bar / group;
                    } else if (inside) {
                        const double curvature =
                            -driven * psp.rate_s - slope * psp.rate + group * kappa_2;
                        if (curvature < 0.0) {
                            q_pair = -t_bar / curvature;
                            at_spike_pair -= q_pair * kappa_2;
                        }
                    }
                }
            }
            p[pair] = p_pair;
            if (q != nullptr)
                q[pair] = q_pair;
            if (at_spike != nullptr)
                at_spike[pair] = at_spike_pair;
        }
}
