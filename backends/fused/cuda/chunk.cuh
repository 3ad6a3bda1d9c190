// How a block's threads share a pattern, and the chunk of events that they have at hand.
#pragma once

#include "arrays.cuh"
#include "steps.cuh"

constexpr int MAX_THREADS = 128;  // largest block
constexpr int MIN_BLOCKS = 4;     // as many on a multiprocessor: 128 registers, so nothing spills
constexpr int CHUNK = 128;        // events that a block works on between barriers, at most
constexpr int STAGED = 4096;      // weights that it has at hand, or half as many and their terms
constexpr int MAX_WIDTH = 32;     // outputs of a tile
constexpr int MAX_RUNS = 32;      // threads to an output

// How a block's threads share a pattern: thread (run, column) has the events of one run of the
// chunk and one output of the tile. Threads left over help with the gaps alone.
struct Share {
    int64 n_tiles;
    int width, runs;  // outputs of a tile, runs of a chunk
    int run, column;  // of this thread
    int events;       // of a chunk, at most
};

template <int HELD>
__device__ Share share_of(int64 n_outputs)
{
    const int n_threads = blockDim.x;
    const int widest = at_most(n_threads, MAX_WIDTH);
    Share share;
    share.n_tiles = (n_outputs + widest - 1) / widest;
    share.width = static_cast<int>((n_outputs + share.n_tiles - 1) / share.n_tiles);
    share.runs = at_most(n_threads / share.width, MAX_RUNS);
    share.run = threadIdx.x / share.width;
    share.column = threadIdx.x % share.width;
    share.events = at_most(HELD / share.width, CHUNK);
    return share;
}

// Events of a chunk, with the intervals that they start and the weights of the tile.
template <int HELD>
struct Chunk {
    Interval intervals[CHUNK];
    Interval spans[MAX_RUNS];  // of the runs, each as one interval
    int64 rows[CHUNK];         // where each event's weights start
    double weights[HELD];      // [event, column]
    int size, length;          // events, and events of a run
};

template <class Weight, int HELD>
__device__ void stage(const Weight* __restrict__ weights, const Share& share, int64 o, int size,
                      Chunk<HELD>& chunk)
{
#pragma unroll 4
    for (int j = share.run; j < size; j += share.runs)
        chunk.weights[j * share.width + share.column] =
            static_cast<double>(weights[chunk.rows[j] + o]);
}

// Load the events [begin, begin + size) of the pattern that starts at `first_event`. The last
// interval of all ends with the pattern. `mine`: whether this thread has an output, o.
template <int HELD>
__device__ void load(Chunk<HELD>& chunk, const Share& share, const Psp& psp, Reals times,
                     Integers afferents, Reals weights, int64 first_event, int64 begin,
                     int64 count, int64 n_outputs, int64 o, bool mine, double duration)
{
    const int size = at_most(count - begin, share.events);
    const int length = (size + share.runs - 1) / share.runs;
    const int64 first = first_event + begin;
    const int64 stop = first_event + count;
    __syncthreads();  // nobody reads the last chunk any more
    for (int j = threadIdx.x; j < size; j += blockDim.x)
        chunk.rows[j] = afferents[first + j] * n_outputs;
    __syncthreads();
    const bool fetches = mine && weights.data != nullptr;
    if (fetches && weights.is_double)
        stage(static_cast<const double*>(weights.data), share, o, size, chunk);
    else if (fetches)
        stage(static_cast<const float*>(weights.data), share, o, size, chunk);
    for (int task = threadIdx.x; task < size + share.runs; task += blockDim.x) {
        const bool is_span = task >= size;
        const int from = is_span ? (task - size) * length : task;
        const int to = at_most(from + (is_span ? length : 1), size);
        if (from >= size)
            continue;
        const double end = first + to < stop ? times[first + to] : duration;
        const Interval interval = interval_between(psp, times[first + from], end);
        if (is_span)
            chunk.spans[task - size] = interval;
        else
            chunk.intervals[task] = interval;
    }
    if (threadIdx.x == 0) {
        chunk.size = size;
        chunk.length = length;
    }
    __syncthreads();
}

// The state before this thread's run of the chunk, where it is `wanted`. `state` is the one before
// the chunk; where an output has several runs, it becomes the one after.
template <int HELD>
__device__ State enter(const Chunk<HELD>& chunk, const Share& share, double kappa, bool wanted,
                       State* responses, State& state)
{
    State now = state;
    if (share.runs == 1)
        return now;
    const int from = share.run * chunk.length;
    const int to = at_most(from + chunk.length, chunk.size);
    State response = {0.0, 0.0};  // of the run, from rest
    for (int j = from; j < to && wanted; ++j) {
        response.d += kappa * chunk.weights[j * share.width + share.column];
        response = after(chunk.intervals[j], response);
    }
    responses[threadIdx.x] = response;
    __syncthreads();
    for (int run = 0; run * chunk.length < chunk.size && wanted; ++run) {
        if (run == share.run)
            now = state;
        const State& own = responses[run * share.width + share.column];
        state = after(chunk.spans[run], state);
        state.v += own.v;
        state.d += own.d;
    }
    return now;
}
