// Forward: every output spike, from the first crossing on.
#pragma once

#include "arrays.cuh"
#include "chunk.cuh"
#include "crossing_root.cuh"
#include "interior.cuh"
#include "steps.cuh"

// What the output spikes of a pair have taken from its potential. It decays with the neuron's tau, be
// that the slower constant or the faster, so that it is a state of the membrane too: (-x, x/tau).
struct Resets {
    double rate;       // 1/tau
    double sum, last;  // all that was taken, as of the last spike, and when that was

    __device__ State at(double time) const
    {
        const double left = sum > 0.0 ? sum * exp(-(time - last) * rate) : 0.0;
        return {-left, left * rate};
    }

    __device__ void add(double time, double threshold)
    {
        sum = threshold - at(time).v;
        last = time;
    }
};

// The output spikes of a pair so far, and where their times go.
struct Train {
    void* found;  // null: nowhere
    int is_double;
    int64 start, stop;  // of the pair's own
    double first;       // time of the first one
    double latest;      // as it is stored
    int64 n;

    // Keep a spike; false if it is not later than the one before.
    __device__ bool add(double time)
    {
        time = n == 0 ? first : as_stored(is_double, time);
        if (n > 0 && !(time > latest))
            return false;
        if (found != nullptr && start + n < stop)
            store(found, is_double, start + n, time);
        latest = time;
        ++n;
        return true;
    }
};

// Spike in an interval, whose potential exceeds the threshold `reach` after its start, and there
// again as long as it does. `next` becomes the state at its end. False if spikes are not apart.
__device__ bool fire(const Psp& psp, const Interval& interval, State now, double reach,
                     double threshold, Resets& resets, Train& train, State& next)
{
    const double length = interval.end - interval.start;
    double passed = 0.0;
    for (;;) {
        const double u = rising_root(psp, now, reach, threshold);
        passed += u;
        resets.add(interval.start + passed, threshold);
        if (!train.add(time_at(interval, passed)))
            return false;
        now = after(interval_between(psp, 0.0, u), now);
        now.v = 0.0;  // the spike takes all of it
        now.d += threshold * resets.rate;
        const Interval rest = interval_between(psp, passed < length ? passed : length, length);
        next = after(rest, now);
        double best = threshold;
        if (!raise(psp, rest, now, next, best, reach))
            return true;
    }
}

// Every output spike. `scan` gave the first, t_spike, and crossing_event, the event after which it
// is; this goes on from there, so that the two never disagree. The potential without resets is
// scanned as there. Resets only lower it, so further spikes are looked for in those runs of events
// alone where it exceeds the threshold, by one thread for each output.
//
// t_spike and crossing_event as of `scan`; n_spikes [B, O] gets the numbers of all spikes. Times go
// to found [E], in the dtype of the times, from starts[pair] up to starts[pair + 1]; if `found` is
// null they are not kept. `apart` [1] becomes 0 where a spike is not later than the one before in
// that dtype, which ends the search in its pair. (Half as many blocks, as few threads do most of the work, and with
// more registers.)
extern "C" __global__ void __launch_bounds__(MAX_THREADS, MIN_BLOCKS / 2)
    spikes(const void* times_data, int times_double, const void* afferents_data, int afferents_wide,
           const int64* __restrict__ counts, const void* weights_data, int weights_double,
           const void* t_spike_data, const int64* __restrict__ crossing_event,
           const int64* __restrict__ starts, int64* n_spikes, void* found, int* apart,
           int64 n_patterns, int64 n_events, int64 n_outputs, double duration, double tau,
           double tau_s, double beta, double kappa, double rate, double rate_s, double per_beta,
           double threshold, double reset_rate)
{
    __shared__ Chunk<STAGED> chunk;
    __shared__ State responses[MAX_THREADS];  // of the runs, from rest
    __shared__ State entries[MAX_THREADS];    // before the runs, without resets
    __shared__ int exceeds[MAX_THREADS];      // whether a run's potential without resets does
    const Reals times = {times_data, times_double}, weights = {weights_data, weights_double};
    const Reals t_spikes = {t_spike_data, times_double};
    const Integers afferents = {afferents_data, afferents_wide};
    const Psp psp = {tau, tau_s, beta, kappa, rate, rate_s, per_beta};
    const double below = threshold * (1.0 - 1e-6);  // up to here none is rounded to more
    const Share share = share_of<STAGED>(n_outputs);

    for (int64 b = blockIdx.x; b < n_patterns; b += gridDim.x)
        for (int64 tile = blockIdx.y; tile < share.n_tiles; tile += gridDim.y) {
            const int64 first_event = b * n_events;
            const int64 count = counts[b];
            const int64 o = tile * share.width + share.column;
            const int64 pair = b * n_outputs + o;
            const bool mine = share.run < share.runs && o < n_outputs;
            const int64 crossing = mine ? crossing_event[pair] : count;
            bool fires = crossing < count;
            State state = {0.0, 0.0};  // before the chunk, without resets
            // of an output's first thread
            Resets resets = {reset_rate, 0.0, 0.0};
            Train train = {found, times_double, 0, 0, 0.0, 0.0, 0};
            if (fires)
                train.first = t_spikes[pair];
            if (fires && found != nullptr) {
                train.start = starts[pair];
                train.stop = starts[pair + 1];
            }

            for (int64 begin = 0; begin < count && __syncthreads_or(fires); begin += share.events) {
                load(chunk, share, psp, times, afferents, weights, first_event, begin, count,
                     n_outputs, o, mine, duration);
                const int from = share.run * chunk.length;
                const int to = at_most(from + chunk.length, chunk.size);
                const double* const column = chunk.weights + share.column;
                State now = enter(chunk, share, kappa, fires, responses, state);
                entries[threadIdx.x] = now;
                bool exceeding = false;
                for (int j = from; j < to && fires; ++j) {
                    const Interval& interval = chunk.intervals[j];
                    now.d += kappa * column[j * share.width];
                    const State next = after(interval, now);
                    double best = below, reach;
                    if (!exceeding && begin + j >= crossing)
                        exceeding = begin + j == crossing || now.v > below
                                    || raise(psp, interval, now, next, best, reach);
                    now = next;
                }
                if (share.runs == 1)
                    state = now;
                exceeds[threadIdx.x] = exceeding;
                __syncthreads();
                if (share.run > 0)
                    continue;

                for (int run = 0; run < share.runs && fires; ++run) {
                    const int of_run = run * share.width + share.column;
                    if (!exceeds[of_run])
                        continue;
                    const int first = run * chunk.length;
                    const int stop = at_most(first + chunk.length, chunk.size);
                    const State lost = resets.at(chunk.intervals[first].start);
                    now.v = entries[of_run].v + lost.v;
                    now.d = entries[of_run].d + lost.d;
                    for (int j = first; j < stop && fires; ++j) {
                        const Interval& interval = chunk.intervals[j];
                        now.d += kappa * column[j * share.width];
                        State next = after(interval, now);
                        double best = below, reach = interval.end - interval.start;
                        const bool raised =
                            begin + j >= crossing && raise(psp, interval, now, next, best, reach);
                        const double top = as_stored(weights_double, best);
                        if (begin + j == crossing || (raised && top > threshold && isfinite(top)))
                            fires = fire(psp, interval, now, reach, threshold, resets, train, next);
                        now = next;
                    }
                }
                if (crossing < count && !fires)
                    *apart = 0;
            }
            if (mine && share.run == 0)
                n_spikes[pair] = train.n;
        }
}
