// Backward, second half: gradients by weights and spike times, by the transpose of the scan.
#pragma once

#include "arrays.cuh"
#include "chunk.cuh"
#include "steps.cuh"

// Sum the columns of each event's terms, always in the same order: several threads to an event
// where there are enough, and then their sums. Event j is added to sums[j].
template <int HELD>
__device__ void add_terms(const Chunk<HELD>& chunk, int width, int n_columns, double* parts,
                          double* sums)
{
    const int n_parts = at_most(blockDim.x / chunk.size, n_columns);
    const int part = threadIdx.x / chunk.size, event = threadIdx.x % chunk.size;
    if (n_parts <= 1) {
        for (int j = threadIdx.x; j < chunk.size; j += blockDim.x) {
            double total = 0.0;
            for (int column = 0; column < n_columns; ++column)
                total += chunk.weights[j * width + column];
            sums[j] += total;
        }
        return;
    }
    double total = 0.0;
    if (part < n_parts)
        for (int column = part; column < n_columns; column += n_parts)
            total += chunk.weights[event * width + column];
    parts[threadIdx.x] = total;
    __syncthreads();
    if (part > 0)
        return;
    for (int other = 1; other < n_parts; ++other)
        total += parts[other * chunk.size + event];
    sums[event] += total;
}

// Backward: what every spike before t* adds to the gradients.
//
// A spike at distance x before t* adds h(x) = p K(x) + q K'(x) to the gradient of its weight and
// -w h'(x) to that of its time. h is kappa times the costate of V', which starts as (p, q) at t* and
// goes back from event to event; in each run of events by itself. Of output spikes the first
// one after an event stands for itself and all later ones, see `spike_cotangents`.
//
// A block has the patterns blockIdx.x, blockIdx.x + gridDim.x, ... one after the other, and a shard
// [N, O] of the weight gradient to itself, in which one thread owns the column of an output: nothing
// races and the order of additions is fixed. (The atomic addition only spares the thread the wait
// for the sum so far.) Time gradients [B, K] are sums over all outputs, so where they are wanted
// one block has all tiles of its patterns (gridDim.y is 1) and adds them in turn.
template <bool WITH_TIMES, bool TRAINS>
__device__ void walk_back(Reals times, Integers afferents, const int64* __restrict__ counts,
                          Reals weights, Reals t_stars, const int64* __restrict__ crossing_event,
                          const int64* __restrict__ n_sources, int64 n_slots,
                          const double* __restrict__ ps, const double* __restrict__ qs,
                          const double* __restrict__ at_spikes, double* __restrict__ shards,
                          double* __restrict__ time_sums, int64 n_patterns, int64 n_events,
                          int64 n_afferents, int64 n_outputs, double duration, const Psp& psp)
{
    constexpr int HELD = WITH_TIMES ? STAGED / 2 : STAGED;
    __shared__ Chunk<HELD> chunk;  // with times, weights are replaced by terms of the sums
    __shared__ double to_weights[WITH_TIMES ? HELD : 1];
    __shared__ double parts[WITH_TIMES ? MAX_THREADS : 1];
    double* const hs = WITH_TIMES ? to_weights : chunk.weights;  // [event, column]
    const Share share = share_of<HELD>(n_outputs);
    double* const shard = shards + blockIdx.x * n_afferents * n_outputs;

    for (int64 b = blockIdx.x; b < n_patterns; b += gridDim.x)
        for (int64 tile = blockIdx.y; tile < share.n_tiles; tile += gridDim.y) {
            const int64 first_event = b * n_events;
            const int64 count = counts[b];
            const int64 o = tile * share.width + share.column;
            const int n_columns = at_most(n_outputs - tile * share.width, share.width);
            const bool mine = share.run < share.runs && o < n_outputs;
            double p = 0.0, q = 0.0, at_spike = 0.0, t_star = 0.0, t_read = 0.0;
            int64 last = count;
            int64 slot = 0, n = 0;  // of a train
            bool active = false;
            const int64 pair = b * n_outputs + o;
            if (mine && TRAINS) {
                slot = pair * n_slots;
                n = n_sources[pair];
                active = n > 0;
                if (active)
                    t_star = read_time(t_stars, slot + n - 1, duration);
            } else if (mine) {
                p = ps[pair];
                q = qs == nullptr ? 0.0 : qs[pair];
                at_spike = WITH_TIMES ? at_spikes[pair] : 0.0;
                t_star = read_time(t_stars, pair, duration);
                last = crossing_event == nullptr ? count : crossing_event[pair];
                active = p != 0.0 || q != 0.0 || at_spike != 0.0;
                t_read = t_star;
            }

            for (int64 begin = 0; begin < count; begin += share.events) {
                if (!__syncthreads_or(active && begin <= last
                                      && times[first_event + begin] <= t_star))
                    break;  // no thread of this block has anything to pull back to what is left
                load(chunk, share, psp, times, afferents, weights, first_event, begin, count,
                     n_outputs, o, mine, duration);
                const int from = share.run * chunk.length;
                const int to = at_most(from + chunk.length, chunk.size);
                bool started = false;
                int64 k = n;  // the first spike after the event
                Costate costate = {0.0, 0.0};
                for (int j = to - 1; j >= from && mine; --j) {
                    const int at = j * share.width + share.column;
                    const double start = chunk.intervals[j].start;
                    const bool counts_here = active && begin + j <= last;
                    double to_weight = 0.0, to_time = 0.0;
                    if (counts_here && start < t_star) {
                        if (TRAINS && k > 0
                            && read_time(t_stars, slot + k - 1, duration) > start) {
                            k = later_than(t_stars, slot, k, start, duration);
                            p = ps[slot + k];
                            q = qs[slot + k];
                            t_read = read_time(t_stars, slot + k, duration);
                            started = false;
                        }
                        costate = started ? before(chunk.intervals[j], costate)
                                          : before(interval_between(psp, start, t_read),
                                                   Costate{p, q});
                        started = true;
                        to_weight = psp.kappa * costate.d;
                        const double slope =
                            psp.kappa * costate.v - (psp.rate_s + psp.rate) * to_weight;  // h'
                        if (WITH_TIMES)
                            to_time = -chunk.weights[at] * slope;
                    } else if (WITH_TIMES && !TRAINS && counts_here && start == t_star) {
                        to_time = at_spike * chunk.weights[at];
                    }
                    hs[at] = to_weight;
                    if (WITH_TIMES)
                        chunk.weights[at] = to_time;
                }
                __syncthreads();
                if (mine && share.run == 0) {
#pragma unroll 4
                    for (int j = 0; j < chunk.size; ++j) {
                        const double h = hs[j * share.width + share.column];
                        if (h != 0.0)
                            atomicAdd(&shard[chunk.rows[j] + o], h);
                    }
                }
                if (WITH_TIMES)
                    add_terms(chunk, share.width, n_columns, parts,
                              time_sums + first_event + begin);
            }
        }
}

// times, afferents, counts, weights, t_star and crossing_event as for `cotangents`, which gave p
// and q (may be null) [B, O]. shards [gridDim.x, N, O] starts at zero.
extern "C" __global__ void __launch_bounds__(MAX_THREADS, MIN_BLOCKS)
    adjoint(const void* times, int times_double, const void* afferents, int afferents_wide,
            const int64* counts, const void* t_star, const int64* crossing_event, const double* p,
            const double* q, double* shards, int64 n_patterns, int64 n_events, int64 n_afferents,
            int64 n_outputs, double duration, double tau, double tau_s, double beta, double kappa,
            double rate, double rate_s, double per_beta)
{
    walk_back<false, false>(Reals{times, times_double}, Integers{afferents, afferents_wide}, counts,
                            Reals{nullptr, 0}, Reals{t_star, times_double}, crossing_event, nullptr,
                            1, p, q, nullptr, shards, nullptr, n_patterns, n_events, n_afferents,
                            n_outputs, duration,
                            Psp{tau, tau_s, beta, kappa, rate, rate_s, per_beta});
}

// The same with the gradient towards the spike times: time_sums [B, K] starts at zero, and
// gridDim.y is 1.
extern "C" __global__ void __launch_bounds__(MAX_THREADS, MIN_BLOCKS)
    adjoint_with_times(const void* times, int times_double, const void* afferents,
                       int afferents_wide, const int64* counts, const void* weights,
                       int weights_double, const void* t_star, const int64* crossing_event,
                       const double* p, const double* q, const double* at_spike, double* shards,
                       double* time_sums, int64 n_patterns, int64 n_events, int64 n_afferents,
                       int64 n_outputs, double duration, double tau, double tau_s, double beta,
                       double kappa, double rate, double rate_s, double per_beta)
{
    walk_back<true, false>(Reals{times, times_double}, Integers{afferents, afferents_wide}, counts,
                           Reals{weights, weights_double}, Reals{t_star, times_double},
                           crossing_event, nullptr, 1, p, q, at_spike, shards, time_sums,
                           n_patterns, n_events, n_afferents, n_outputs, duration,
                           Psp{tau, tau_s, beta, kappa, rate, rate_s, per_beta});
}

// The same two for output spikes t_spike [B, O, S], with n_sources, p and q as `spike_cotangents`
// gave them. An input at exactly the time of a spike does not act before it.
extern "C" __global__ void __launch_bounds__(MAX_THREADS, MIN_BLOCKS)
    spike_adjoint(const void* times, int times_double, const void* afferents, int afferents_wide,
                  const int64* counts, const void* t_spike, const int64* n_sources,
                  const double* p, const double* q, int64 n_slots, double* shards,
                  int64 n_patterns, int64 n_events, int64 n_afferents, int64 n_outputs,
                  double duration, double tau, double tau_s, double beta, double kappa,
                  double rate, double rate_s, double per_beta)
{
    walk_back<false, true>(Reals{times, times_double}, Integers{afferents, afferents_wide}, counts,
                           Reals{nullptr, 0}, Reals{t_spike, times_double}, nullptr, n_sources,
                           n_slots, p, q, nullptr, shards, nullptr, n_patterns, n_events,
                           n_afferents, n_outputs, duration,
                           Psp{tau, tau_s, beta, kappa, rate, rate_s, per_beta});
}

extern "C" __global__ void __launch_bounds__(MAX_THREADS, MIN_BLOCKS)
    spike_adjoint_with_times(const void* times, int times_double, const void* afferents,
                             int afferents_wide, const int64* counts, const void* weights,
                             int weights_double, const void* t_spike, const int64* n_sources,
                             const double* p, const double* q, int64 n_slots, double* shards,
                             double* time_sums, int64 n_patterns, int64 n_events,
                             int64 n_afferents, int64 n_outputs, double duration, double tau,
                             double tau_s, double beta, double kappa, double rate, double rate_s,
                             double per_beta)
{
    walk_back<true, true>(Reals{times, times_double}, Integers{afferents, afferents_wide}, counts,
                          Reals{weights, weights_double}, Reals{t_spike, times_double}, nullptr,
                          n_sources, n_slots, p, q, nullptr, shards, time_sums, n_patterns,
                          n_events, n_afferents, n_outputs, duration,
                          Psp{tau, tau_s, beta, kappa, rate, rate_s, per_beta});
}

// weight_gradient [O, N] is the sum of shards [S, N, O], added in the order of the shards.
extern "C" __global__ void __launch_bounds__(MAX_THREADS, MIN_BLOCKS)
    sum_shards(const double* __restrict__ shards, void* weight_gradient, int weights_double,
               int64 n_shards, int64 n_afferents, int64 n_outputs)
{
    const int64 size = n_afferents * n_outputs;
    const int64 stride = static_cast<int64>(gridDim.x) * blockDim.x;
    const int64 first = static_cast<int64>(blockIdx.x) * blockDim.x + threadIdx.x;
    for (int64 i = first; i < size; i += stride) {
        double total = 0.0;
#pragma unroll 8
        for (int64 shard = 0; shard < n_shards; ++shard)
            total += shards[shard * size + i];
        store(weight_gradient, weights_double, i % n_outputs * n_afferents + i / n_outputs, total);
    }
}
