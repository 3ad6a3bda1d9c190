// Forward: each output's largest potential and first crossing.
#pragma once

#include "arrays.cuh"
#include "chunk.cuh"
#include "crossing_root.cuh"
#include "interior.cuh"
#include "steps.cuh"

// Forward: the peak and the first crossing in one scan, so that they never disagree on who fires.
//
// times [B, K], afferents [B, K], counts [B]; weights [N, O]. Results [B, O], each left out if its
// pointer is null: v_max in the weights' dtype, t_max and t_spike (inf if silent) in the times',
// and crossing_event, the event after which the threshold is crossed (the number of events if it
// never is). `threshold` is rounded to the weights' dtype, and a potential exceeds it if it does so
// when rounded itself. Where the potential does not stay finite, v_max, t_max and t_spike are NaN;
// unless `stays_finite` says that no weight is so large, scans go on to the end to know. With `shunt` the potential runs freely after the crossing: v_max and t_max
// are of the trajectory without later input.
extern "C" __global__ void __launch_bounds__(MAX_THREADS, MIN_BLOCKS)
    scan(const void* times_data, int times_double, const void* afferents_data, int afferents_wide,
         const int64* __restrict__ counts, const void* weights_data, int weights_double,
         void* v_max, void* t_max, void* t_spike, int64* crossing_event,
         const int* __restrict__ stays_finite, int64 n_patterns,
         int64 n_events, int64 n_outputs, double duration, double tau, double tau_s, double beta,
         double kappa, double rate, double rate_s, double per_beta, double threshold, int shunt)
{
    __shared__ Chunk<STAGED> chunk;
    __shared__ State responses[MAX_THREADS];  // of the runs, from rest
    __shared__ double bests[MAX_THREADS], t_bests[MAX_THREADS];
    __shared__ int64 crossings[MAX_THREADS];
    const Reals times = {times_data, times_double}, weights = {weights_data, weights_double};
    const Integers afferents = {afferents_data, afferents_wide};
    const Psp psp = {tau, tau_s, beta, kappa, rate, rate_s, per_beta};
    const bool ends_at_crossing = shunt || v_max == nullptr;
    const bool to_the_end = *stays_finite == 0;
    const Share share = share_of<STAGED>(n_outputs);

    for (int64 b = blockIdx.x; b < n_patterns; b += gridDim.x)
        for (int64 tile = blockIdx.y; tile < share.n_tiles; tile += gridDim.y) {
            const int64 first_event = b * n_events;
            const int64 count = counts[b];
            const int64 o = tile * share.width + share.column;
            const bool mine = share.run < share.runs && o < n_outputs;
            State state = {0.0, 0.0};  // before the chunk
            // of this thread's runs; V starts at rest
            double best = 0.0, t_best = 0.0;
            int64 k_crossing = count;
            State at_crossing = {0.0, 0.0};
            double top = 0.0;
            bool done = !mine;  // all that this output needs is known

            for (int64 begin = 0; begin < count; begin += share.events) {
                load(chunk, share, psp, times, afferents, weights, first_event, begin, count,
                     n_outputs, o, mine, duration);
                const int from = share.run * chunk.length;
                const int to = at_most(from + chunk.length, chunk.size);
                const double* const column = chunk.weights + share.column;
                State now = enter(chunk, share, kappa, !done || to_the_end, responses, state);
                bests[threadIdx.x] = best;
                t_bests[threadIdx.x] = t_best;
                bool stop = done;
                for (int j = from; j < to && (!stop || to_the_end); ++j) {
                    const Interval& interval = chunk.intervals[j];
                    now.d += kappa * column[j * share.width];
                    const State next = after(interval, now);
                    double reach;
                    if (!stop && raise(psp, interval, now, next, best, reach)) {
                        t_best = time_at(interval, reach);
                        if (k_crossing == count && as_stored(weights_double, best) > threshold) {
                            k_crossing = begin + j;
                            at_crossing = now;
                            top = reach;
                            stop = ends_at_crossing;
                        }
                    }
                    now = next;
                }
                if (share.runs == 1) {
                    state = now;
                    done = stop;
                } else if (ends_at_crossing) {
                    crossings[threadIdx.x] = k_crossing;
                    __syncthreads();
                    for (int run = 0; run < share.runs && !done; ++run) {
                        if (crossings[run * share.width + share.column] == count)
                            continue;
                        done = true;
                        if (run < share.run) {  // no peak after the crossing counts
                            best = bests[threadIdx.x];
                            t_best = t_bests[threadIdx.x];
                        }
                    }
                }
                if (ends_at_crossing && !__syncthreads_or(!done || to_the_end))
                    break;
            }

            // Put the runs of an output together, in the first thread that crosses.
            __syncthreads();
            bests[threadIdx.x] = best;
            t_bests[threadIdx.x] = t_best;
            crossings[threadIdx.x] = k_crossing;
            __syncthreads();
            if (!mine)
                continue;
            int writer = 0;
            int64 earliest = count;
            for (int run = 0; run < share.runs; ++run) {
                const int other = run * share.width + share.column;
                if (crossings[other] < earliest) {
                    earliest = crossings[other];
                    writer = run;
                }
                if (bests[other] > best || (bests[other] == best && t_bests[other] < t_best)) {
                    best = bests[other];
                    t_best = t_bests[other];
                }
            }
            if (writer != share.run)
                continue;
            const bool fires = earliest < count;
            const double t_before = fires ? times[first_event + earliest] : 0.0;
            const int64 pair = b * n_outputs + o;
            // weights that are no numbers make no number, not a silent neuron
            const bool lost = !isfinite(state.v);
            const double nan = state.v - state.v;
            if (crossing_event != nullptr)
                crossing_event[pair] = lost ? count : earliest;
            if (t_spike != nullptr) {
                double t = -log(0.0);  // infinity, without <cmath>
                if (lost) {
                    t = nan;
                } else if (fires) {
                    const bool is_last = earliest + 1 == count;
                    const double t_after = is_last ? duration : times[first_event + earliest + 1];
                    t = t_before + rising_root(psp, at_crossing, top, threshold);
                    t = t < t_after ? t : t_after;
                }
                store(t_spike, times_double, pair, t);
            }
            if (v_max != nullptr) {
                if (lost) {
                    best = nan;
                    t_best = nan;
                } else if (shunt && fires) {
                    const Interval free_run = interval_between(psp, t_before, duration);
                    double reach;
                    if (raise(psp, free_run, at_crossing, after(free_run, at_crossing), best,
                              reach))
                        t_best = time_at(free_run, reach);
                }
                store(v_max, weights_double, pair, best);
                store(t_max, times_double, pair, t_best);
            }
        }
}
