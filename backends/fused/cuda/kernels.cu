// Fused scans over sorted spikes: the peak, the first threshold crossing, and their adjoints.
//
// The Array API form in tempotron_core is the definition; these kernels agree with it.
//
// The membrane. Between events, at a time u after event k, with the kernel K of the postsynaptic
// potential, phi(u) = K(u)/kappa and kappa = K'(0+),
//
//     V(u)  = exp(-u/tau) V + phi(u) (V' + V/tau)
//     V'(u) = exp(-u/tau_s) (V' + V/tau) - V(u)/tau
//
// so the state (V, V') just after an event goes to the next one by a 2 x 2 matrix that depends on
// the gap alone, and an event adds kappa w to V'. No entry suffers from cancellation, whatever the
// two time constants: phi(u) = exp(-u/tau) (1 - exp(-beta u))/beta, or u exp(-u/tau) at beta = 0.
//
// Who does what. A block has one pattern at a time and one tile of outputs, and works on a chunk of
// events between barriers. First its threads share the gaps (the exponentials) and fetch the
// weights. Then each scans for one output, and where outputs are few, several do so for one output,
// each with a run of the chunk's events. They can because the state is linear in what came before:
// a run's end is its response from rest, plus what the state before it has become. Weights come
// transposed, [N, O], so that neighbouring threads read neighbouring numbers. Blocks stride over
// patterns (x) and tiles (y).
//
// State and sums are in double, whatever the arrays are: float arrays are converted on reading and
// results are rounded once. Whatever is added up has one order, so results do not vary between
// calls. Offsets and sizes have 64 bits.
//
// No header is needed. NVRTC, nvcc and (through a shim that stands for CUDA's keywords) a host C++
// compiler all take this file as it is.

constexpr int MAX_THREADS = 128;  // largest block
constexpr int MIN_BLOCKS = 4;     // as many on a multiprocessor: 128 registers, so nothing spills
constexpr int CHUNK = 128;        // events that a block works on between barriers, at most
constexpr int STAGED = 4096;      // weights that it has at hand, or half as many and their terms
constexpr int MAX_WIDTH = 32;     // outputs of a tile
constexpr int MAX_RUNS = 32;      // threads to an output
constexpr int ROOT_STEPS = 12;    // as in tempotron_core/crossing.py

// What a time t* is of: see `cotangents`.
constexpr int PEAK = 0, CROSSING = 1;  // and GRID_PEAK = 2

typedef long long int64;

__device__ int at_most(int64 number, int bound)
{
    return number < bound ? static_cast<int>(number) : bound;
}

// An array of float or double.
struct Reals {
    const void* data;
    int is_double;

    __device__ double operator[](int64 i) const
    {
        return is_double ? static_cast<const double*>(data)[i]
                         : static_cast<double>(static_cast<const float*>(data)[i]);
    }
};

__device__ void store(void* data, int is_double, int64 i, double value)
{
    if (is_double)
        static_cast<double*>(data)[i] = value;
    else
        static_cast<float*>(data)[i] = static_cast<float>(value);
}

// An array of 32-bit or 64-bit integers.
struct Integers {
    const void* data;
    int is_wide;

    __device__ int64 operator[](int64 i) const
    {
        return is_wide ? static_cast<const int64*>(data)[i]
                       : static_cast<int64>(static_cast<const int*>(data)[i]);
    }
};

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
            inside = inside < bound ? inside : bound;  // so that pruning never hides a maximum
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

// An event's time is kept to the last digit: the gradient asks whether a peak is at an event.
__device__ double time_at(const Interval& interval, double reach)
{
    return reach < interval.end - interval.start ? interval.start + reach : interval.end;
}

// Root of V(u) = threshold on [0, top], where V rises and is concave: Euler's parabola from the
// top, bracketed by bisection, as in tempotron_core/crossing.py.
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

// Forward: the peak and the first crossing in one scan, so that they never disagree on who fires.
//
// times [B, K], afferents [B, K], counts [B]; weights [N, O]. Results [B, O], each left out if its
// pointer is null: v_max in the weights' dtype, t_max and t_spike (inf if silent) in the times',
// and crossing_event, the event after which the threshold is crossed (the number of events if it
// never is). `threshold` is rounded to the weights' dtype, and a potential exceeds it if it does so
// when rounded itself. With `shunt` the potential runs freely after the crossing: v_max and t_max
// are of the trajectory without later input.
extern "C" __global__ void __launch_bounds__(MAX_THREADS, MIN_BLOCKS)
    scan(const void* times_data, int times_double, const void* afferents_data, int afferents_wide,
         const int64* __restrict__ counts, const void* weights_data, int weights_double,
         void* v_max, void* t_max, void* t_spike, int64* crossing_event, int64 n_patterns,
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
                State now = state;
                if (share.runs > 1) {
                    State response = {0.0, 0.0};
                    for (int j = from; j < to && !done; ++j) {
                        response.d += kappa * column[j * share.width];
                        response = after(chunk.intervals[j], response);
                    }
                    responses[threadIdx.x] = response;
                    __syncthreads();
                    for (int run = 0; run * chunk.length < chunk.size && !done; ++run) {
                        if (run == share.run)
                            now = state;
                        const State& own = responses[run * share.width + share.column];
                        state = after(chunk.spans[run], state);
                        state.v += own.v;
                        state.d += own.d;
                    }
                }
                bests[threadIdx.x] = best;
                t_bests[threadIdx.x] = t_best;
                bool stop = done;
                for (int j = from; j < to && !stop; ++j) {
                    const Interval& interval = chunk.intervals[j];
                    now.d += kappa * column[j * share.width];
                    const State next = after(interval, now);
                    double reach;
                    if (raise(psp, interval, now, next, best, reach)) {
                        t_best = time_at(interval, reach);
                        const double rounded =
                            weights_double ? best : static_cast<double>(static_cast<float>(best));
                        if (k_crossing == count && rounded > threshold) {
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
                if (ends_at_crossing && !__syncthreads_or(!done))
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
            const bool lost = state.v != state.v;
            if (crossing_event != nullptr)
                crossing_event[pair] = earliest;
            if (t_spike != nullptr) {
                double t = -log(0.0);  // infinity, without <cmath>
                if (fires)
                    t = t_before + rising_root(psp, at_crossing, top, threshold);
                else if (lost)
                    t = state.v;
                store(t_spike, times_double, pair, t);
            }
            if (v_max != nullptr) {
                if (shunt && fires) {
                    const Interval free_run = interval_between(psp, t_before, duration);
                    double reach;
                    if (raise(psp, free_run, at_crossing, after(free_run, at_crossing), best,
                              reach))
                        t_best = time_at(free_run, reach);
                } else if (lost) {
                    best = state.v;
                }
                store(v_max, weights_double, pair, best);
                store(t_max, times_double, pair, t_best);
            }
        }
}

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
            double v_bar = 0.0, t_bar = 0.0, t_star = 0.0;
            int64 last = 0;
            if (active) {
                t_star = t_stars[pair];
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
            if (active && !needs_slopes) {
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

// What a readout a t V(t*) + b V'(t*) is in terms of a state before t*: its own a and b.
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
// goes back from event to event; in each run of events by itself.
//
// A block has the patterns blockIdx.x, blockIdx.x + gridDim.x, ... one after the other, and a shard
// [N, O] of the weight gradient to itself, in which one thread owns the column of an output: nothing
// races and the order of additions is fixed. (The atomic addition only spares the thread the wait
// for the sum so far.) Time gradients [B, K] are sums over all outputs, so where they are wanted
// one block has all tiles of its patterns (gridDim.y is 1) and adds them in turn.
template <bool WITH_TIMES>
__device__ void walk_back(Reals times, Integers afferents, const int64* __restrict__ counts,
                          Reals weights, Reals t_stars, const int64* __restrict__ crossing_event,
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
            double p = 0.0, q = 0.0, at_spike = 0.0, t_star = 0.0;
            int64 last = count;
            if (mine) {
                const int64 pair = b * n_outputs + o;
                p = ps[pair];
                q = qs == nullptr ? 0.0 : qs[pair];
                at_spike = WITH_TIMES ? at_spikes[pair] : 0.0;
                t_star = t_stars[pair];
                last = crossing_event == nullptr ? count : crossing_event[pair];
            }
            const bool active = p != 0.0 || q != 0.0 || at_spike != 0.0;

            for (int64 begin = 0; begin < count; begin += share.events) {
                if (!__syncthreads_or(active && begin <= last
                                      && times[first_event + begin] <= t_star))
                    break;  // no thread of this block has anything to pull back to what is left
                load(chunk, share, psp, times, afferents, weights, first_event, begin, count,
                     n_outputs, o, mine, duration);
                const int from = share.run * chunk.length;
                const int to = at_most(from + chunk.length, chunk.size);
                bool started = false;
                Costate costate = {0.0, 0.0};
                for (int j = to - 1; j >= from && mine; --j) {
                    const int at = j * share.width + share.column;
                    const double start = chunk.intervals[j].start;
                    const bool counts_here = active && begin + j <= last;
                    double to_weight = 0.0, to_time = 0.0;
                    if (counts_here && start < t_star) {
                        costate = started ? before(chunk.intervals[j], costate)
                                          : before(interval_between(psp, start, t_star),
                                                   Costate{p, q});
                        started = true;
                        to_weight = psp.kappa * costate.d;
                        const double slope =
                            psp.kappa * costate.v - (psp.rate_s + psp.rate) * to_weight;  // h'
                        if (WITH_TIMES)
                            to_time = -chunk.weights[at] * slope;
                    } else if (WITH_TIMES && counts_here && start == t_star) {
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
    walk_back<false>(Reals{times, times_double}, Integers{afferents, afferents_wide}, counts,
                     Reals{nullptr, 0}, Reals{t_star, times_double}, crossing_event, p, q, nullptr,
                     shards, nullptr, n_patterns, n_events, n_afferents, n_outputs, duration,
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
    walk_back<true>(Reals{times, times_double}, Integers{afferents, afferents_wide}, counts,
                    Reals{weights, weights_double}, Reals{t_star, times_double}, crossing_event, p,
                    q, at_spike, shards, time_sums, n_patterns, n_events, n_afferents, n_outputs,
                    duration, Psp{tau, tau_s, beta, kappa, rate, rate_s, per_beta});
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
