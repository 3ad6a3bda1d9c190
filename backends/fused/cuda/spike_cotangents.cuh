// Backward, first half, of output spikes: what the gradient of a whole train starts from.
#pragma once

#include "arrays.cuh"
#include "chunk.cuh"
#include "steps.cuh"

// Cotangents of the times of output spikes, as what `spike_adjoint` starts from.
//
// With sigma_k the slope at spike k, its resets included, rho_k = threshold/(tau sigma_k), and L
// decaying with tau, backwards over the spikes of a pair
//     lambda_k = t_bar_k + L,   c_k = -lambda_k/sigma_k,   L <- L + rho_k lambda_k
// are cotangents of the potential without resets. p and q [B, O, S] are of that potential and its
// slope at each spike, for all c from there on. sigma_k comes from a second forward scan.
//
// t_spike [B, O, S], inf behind the last spike, in the dtype of the times, t_bar [B, O, S] in that
// of the weights; p starts at zero. n_sources [B, O] is the number of spikes, 0 where no time of the
// pair has a cotangent. Where the potential does not stay finite there is one, NaN.
extern "C" __global__ void __launch_bounds__(MAX_THREADS, MIN_BLOCKS)
    spike_cotangents(const void* times_data, int times_double, const void* afferents_data,
                     int afferents_wide, const int64* __restrict__ counts,
                     const void* weights_data, int weights_double, const void* t_spike_data,
                     const void* t_bar_data, double* p, double* q, int64* n_sources,
                     int64 n_patterns, int64 n_events, int64 n_outputs, int64 n_slots,
                     double duration, double tau, double tau_s, double beta, double kappa,
                     double rate, double rate_s, double per_beta, double threshold,
                     double reset_rate, double min_slope)
{
    __shared__ Chunk<STAGED> chunk;
    __shared__ State responses[MAX_THREADS];  // of the runs, from rest
    const Reals times = {times_data, times_double}, weights = {weights_data, weights_double};
    const Reals t_spikes = {t_spike_data, times_double}, t_bars = {t_bar_data, weights_double};
    const Integers afferents = {afferents_data, afferents_wide};
    const Psp psp = {tau, tau_s, beta, kappa, rate, rate_s, per_beta};
    const Share share = share_of<STAGED>(n_outputs);

    for (int64 b = blockIdx.x; b < n_patterns; b += gridDim.x)
        for (int64 tile = blockIdx.y; tile < share.n_tiles; tile += gridDim.y) {
            const int64 first_event = b * n_events;
            const int64 count = counts[b];
            const int64 o = tile * share.width + share.column;
            const int64 pair = b * n_outputs + o, slot = pair * n_slots;
            const bool mine = share.run < share.runs && o < n_outputs;
            int64 n = 0;
            bool active = false;
            while (mine && n < n_slots && isfinite(t_spikes[slot + n])) {
                active = active || t_bars[slot + n] != 0.0;
                ++n;
            }

            State state = {0.0, 0.0};  // before the chunk, without resets
            for (int64 begin = 0; begin < count; begin += share.events) {
                if (!__syncthreads_or(active
                                      && times[first_event + begin] < t_spikes[slot + n - 1]))
                    break;  // no thread of this block looks at what is left
                load(chunk, share, psp, times, afferents, weights, first_event, begin, count,
                     n_outputs, o, mine, duration);
                const int from = share.run * chunk.length;
                const int to = at_most(from + chunk.length, chunk.size);
                State now = enter(chunk, share, kappa, active, responses, state);
                int64 k = active && from < to
                              ? later_than(t_spikes, slot, n, chunk.intervals[from].start, duration)
                              : n;
                for (int j = from; j < to && active; ++j) {
                    const Interval& interval = chunk.intervals[j];
                    now.d += kappa * chunk.weights[j * share.width + share.column];
                    const bool is_last = begin + j + 1 == count;
                    for (; k < n && (is_last || t_spikes[slot + k] <= interval.end); ++k)
                        p[slot + k] = after(
                            interval_between(psp, interval.start, t_spikes[slot + k]), now).d;
                    now = after(interval, now);
                }
                if (share.runs == 1)
                    state = now;
            }

            __syncthreads();  // all slopes are there
            if (!mine || share.run > 0)
                continue;
            n_sources[pair] = active ? n : 0;
            if (n == 0 && isnan(t_spikes[slot]) && t_bars[slot] != 0.0) {
                p[slot] = t_spikes[slot];
                q[slot] = 0.0;
                n_sources[pair] = 1;
            }
            if (!active)
                continue;
            double left = 0.0;  // of the resets before, in thresholds
            for (int64 k = 1; k < n; ++k) {
                left = (left + 1.0)
                       * exp((t_spikes[slot + k - 1] - t_spikes[slot + k]) * reset_rate);
                p[slot + k] += left * threshold * reset_rate;
            }
            double later = 0.0, t_next = 0.0;
            Costate source = {0.0, 0.0};
            for (int64 k = n - 1; k >= 0; --k) {
                const double t = t_spikes[slot + k];
                const double slope = p[slot + k] > min_slope ? p[slot + k] : min_slope;
                if (k + 1 < n) {
                    source = before(interval_between(psp, t, t_next), source);
                    later *= exp((t - t_next) * reset_rate);
                }
                const double c = slope > 0.0 ? -(t_bars[slot + k] + later) / slope : 0.0;
                source.v += c;
                later -= c * threshold * reset_rate;
                p[slot + k] = source.v;
                q[slot + k] = source.d;
                t_next = t;
            }
        }
}
