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
// Who does what. A block has one pattern at a time and one tile of outputs. Its threads share the
// work on the gaps (the exponentials), CHUNK events at a time; then each thread scans the chunk
// for its own output, with the state in registers. Weights come transposed, [N, O], so that
// neighbouring threads read neighbouring numbers. Blocks stride over patterns (x) and tiles (y).
//
// State and sums are in double, whatever the arrays are: float arrays are converted on reading and
// results are rounded once. Nothing is added atomically, so results do not vary between calls.
// Offsets and sizes have 64 bits.
//
// No header is needed. NVRTC, nvcc and (through a shim that stands for CUDA's keywords) a host C++
// compiler all take this file as it is.

constexpr int MAX_THREADS = 128;  // largest block
constexpr int MIN_BLOCKS = 4;     // as many on a multiprocessor: 128 registers, so nothing spills
constexpr int CHUNK = 128;        // events that a block works on between two barriers
constexpr int ROWS = 16;          // events whose time gradients are summed at once; divides CHUNK
constexpr int PARTS = 8;          // partial sums of each of them
constexpr int ROOT_STEPS = 12;    // as in tempotron_core/crossing.py

// What a time t* is of: see `cotangents`.
constexpr int PEAK = 0, CROSSING = 1;  // and GRID_PEAK = 2

typedef long long int64;

// Events of the next chunk, of those that are left.
__device__ int chunk_of(int64 left)
{
    return left < CHUNK ? static_cast<int>(left) : CHUNK;
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

// The postsynaptic potential: tau is the slower constant, beta = 1/tau_s - 1/tau.
struct Psp {
    double tau, tau_s, beta, kappa;

    // phi(u) = K(u)/kappa, given slow = exp(-u/tau)
    __device__ double phi(double u, double slow) const
    {
        return slow * (beta > 0.0 ? -expm1(-beta * u) / beta : u);
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
    const double slow = exp(-u / psp.tau);
    const double phi = psp.phi(u, slow);
    Interval interval;
    interval.start = start;
    interval.end = end;
    interval.v_from_v = slow + phi / psp.tau;
    interval.v_from_d = phi;
    interval.d_from_v = -phi / psp.tau / psp.tau_s;
    interval.d_from_d = exp(-u / psp.tau_s) - phi / psp.tau;
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
        const double drive = state.d + state.v / psp.tau;
        const double scaled = drive + psp.beta * state.v;
        if (drive > 0.0 && scaled > 0.0) {  // else V' only decays to 0
            double u = psp.beta > 0.0 ? (log1p(psp.beta * psp.tau)
                                         - log1p(psp.beta * state.v / drive)) / psp.beta
                                      : psp.tau - state.v / drive;
            u = u < 0.0 ? 0.0 : u > length ? length : u;
            double inside = psp.tau_s * scaled * exp(-u / psp.tau);
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
    const double drive = state.d + state.v / psp.tau;
    double low = 0.0, high = top, u = top;
    for (int step = 0; step < ROOT_STEPS; ++step) {
        double slow = exp(-u / psp.tau);
        const double driven = drive * exp(-u / psp.tau_s);  // kappa s(u)
        const double v = slow * state.v + psp.phi(u, slow) * drive;
        const double excess = v - threshold;
        const double slope = driven - v / psp.tau;
        const double curvature = -driven / psp.tau_s - slope / psp.tau;
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
        slow = exp(-middle / psp.tau);
        if (slow * state.v + psp.phi(middle, slow) * drive > threshold)
            high = middle;
        else
            low = middle;
        u = u < low ? low : u > high ? high : u;
    }
    return u;
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
         double kappa, double threshold, int shunt)
{
    __shared__ Interval intervals[CHUNK];
    __shared__ int64 rows[CHUNK];  // where each event's weights start
    const Reals times = {times_data, times_double}, weights = {weights_data, weights_double};
    const Integers afferents = {afferents_data, afferents_wide};
    const Psp psp = {tau, tau_s, beta, kappa};
    const bool ends_at_crossing = shunt || v_max == nullptr;
    const int64 n_tiles = (n_outputs + blockDim.x - 1) / blockDim.x;

    for (int64 b = blockIdx.x; b < n_patterns; b += gridDim.x)
        for (int64 tile = blockIdx.y; tile < n_tiles; tile += gridDim.y) {
            const int64 first_event = b * n_events;
            const int64 count = counts[b];
            const int64 o = tile * blockDim.x + threadIdx.x;
            State state = {0.0, 0.0};
            double best = 0.0, t_best = 0.0;  // V starts at rest
            bool fires = false, done = o >= n_outputs;
            int64 k_crossing = count;
            State at_crossing = {0.0, 0.0};
            double t_before = 0.0, top = 0.0;

            for (int64 begin = 0; begin < count; begin += CHUNK) {
                const int size = chunk_of(count - begin);
                __syncthreads();  // nobody reads the last chunk any more
                for (int j = threadIdx.x; j < size; j += blockDim.x) {
                    const int64 k = first_event + begin + j;
                    const bool is_last = begin + j + 1 == count;
                    intervals[j] =
                        interval_between(psp, times[k], is_last ? duration : times[k + 1]);
                    rows[j] = afferents[k] * n_outputs;
                }
                __syncthreads();
                for (int j = 0; j < size && !done; ++j) {
                    const Interval& interval = intervals[j];
                    state.d += kappa * weights[rows[j] + o];
                    const State next = after(interval, state);
                    double reach;
                    if (raise(psp, interval, state, next, best, reach)) {
                        t_best = time_at(interval, reach);
                        const double rounded =
                            weights_double ? best : static_cast<double>(static_cast<float>(best));
                        if (!fires && rounded > threshold) {
                            fires = true;
                            k_crossing = begin + j;
                            at_crossing = state;
                            t_before = interval.start;
                            top = reach;
                            done = ends_at_crossing;
                        }
                    }
                    state = next;
                }
            }

            if (o >= n_outputs)
                continue;  // the barriers above are behind every thread of the block
            const int64 pair = b * n_outputs + o;
            // weights that are no numbers make no number, not a silent neuron
            const bool lost = state.v != state.v;
            if (crossing_event != nullptr)
                crossing_event[pair] = k_crossing;
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
// Slopes come from a second forward scan, up to t*; it is left out where none is needed.
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
               double duration, double tau, double tau_s, double beta, double kappa,
               double min_slope, int readout)
{
    __shared__ Interval intervals[CHUNK];  // those that end at the chunk's events
    __shared__ int64 rows[CHUNK];
    const Reals times = {times_data, times_double}, weights = {weights_data, weights_double};
    const Reals v_bars = {v_bar_data, weights_double}, t_bars = {t_bar_data, weights_double};
    const Reals t_stars = {t_star_data, times_double};
    const Integers afferents = {afferents_data, afferents_wide};
    const Psp psp = {tau, tau_s, beta, kappa};
    const bool needs_slopes =
        readout == CROSSING
        || (readout == PEAK && (t_bar_data != nullptr || at_spike != nullptr));
    const int64 n_tiles = (n_outputs + blockDim.x - 1) / blockDim.x;

    for (int64 b = blockIdx.x; b < n_patterns; b += gridDim.x)
        for (int64 tile = blockIdx.y; tile < n_tiles; tile += gridDim.y) {
            const int64 first_event = b * n_events;
            const int64 o = tile * blockDim.x + threadIdx.x;
            const int64 pair = b * n_outputs + o;
            bool active = o < n_outputs;
            double v_bar = 0.0, t_bar = 0.0, t_star = 0.0;
            int64 last = 0;
            if (active) {
                const int64 count = counts[b];
                t_star = t_stars[pair];
                v_bar = v_bar_data == nullptr ? 0.0 : v_bars[pair];
                t_bar = t_bar_data == nullptr ? 0.0 : t_bars[pair];
                last = crossing_event == nullptr ? count : crossing_event[pair];
                // a silent pair's peak is at 0, where V is at rest; it crosses nothing at infinity
                const bool reads = readout == PEAK ? t_star > 0.0 : isfinite(t_star);
                active = reads && (v_bar != 0.0 || t_bar != 0.0);
            }

            State state = {0.0, 0.0};  // just after the last event before t*
            double since = 0.0, group = 0.0;
            if (__syncthreads_or(active && needs_slopes)) {
                const int64 count = counts[b];
                for (int64 begin = 0; begin < count; begin += CHUNK) {
                    const int size = chunk_of(count - begin);
                    __syncthreads();
                    for (int j = threadIdx.x; j < size; j += blockDim.x) {
                        const int64 k = first_event + begin + j;
                        const double now = times[k];
                        const bool is_first = begin + j == 0;
                        intervals[j] = interval_between(psp, is_first ? now : times[k - 1], now);
                        rows[j] = afferents[k] * n_outputs;
                    }
                    __syncthreads();
                    for (int j = 0; j < size && active; ++j) {
                        const double now = intervals[j].end;
                        if (now > t_star || begin + j > last)
                            break;
                        const double w = weights[rows[j] + o];
                        if (now < t_star) {
                            state = after(intervals[j], state);
                            state.d += kappa * w;
                            since = now;
                        } else {
                            group += w;
                        }
                    }
                }
            }

            if (o >= n_outputs)
                continue;
            double p_pair = 0.0, q_pair = 0.0, at_spike_pair = 0.0;
            if (active && !needs_slopes) {
                p_pair = v_bar;
                at_spike_pair = -kappa * v_bar;
            } else if (active) {
                const double x = t_star - since;
                const double slow = exp(-x / psp.tau);
                const double drive = state.d + state.v / psp.tau;
                const double driven = drive * exp(-x / psp.tau_s);  // kappa s(t*)
                const double v = slow * state.v + psp.phi(x, slow) * drive;
                const double slope = driven - v / psp.tau;  // L
                if (readout == CROSSING) {
                    const double total = slope > min_slope ? slope : min_slope;
                    p_pair = total > 0.0 ? -t_bar / total : 0.0;
                } else {
                    const bool inside = t_star < duration;
                    const double kappa_2 = -kappa / psp.tau_s - kappa / psp.tau;  // K''(0+)
                    const bool kink = inside && group < 0.0 && slope > 0.0;
                    p_pair = v_bar;
                    if (inside && group != 0.0) {
                        double share = slope / group;
                        share = share < -kappa ? -kappa : share > 0.0 ? 0.0 : share;
                        at_spike_pair = v_bar * share;
                    }
                    if (kink) {
                        at_spike_pair += t_bar / group;
                    } else if (inside) {
                        const double curvature =
                            -driven / psp.tau_s - slope / psp.tau + group * kappa_2;
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

// What a gap does to the adjoint when it is crossed backwards.
struct Gap {
    double slow, phi, fast;
};

__device__ Gap gap_of(const Psp& psp, double u)
{
    Gap gap;
    gap.slow = exp(-u / psp.tau);
    gap.phi = psp.phi(u, gap.slow);
    gap.fast = exp(-u / psp.tau_s);
    return gap;
}

// Sum the columns of rows [0, n_rows) of `terms`, always in the same order: first PARTS runs of
// columns side by side, then the parts. Row r is added to sums[r].
__device__ void add_rows(const double (*terms)[MAX_THREADS + 1], double (*parts)[PARTS + 1],
                         int n_rows, double* sums)
{
    const int width = (blockDim.x + PARTS - 1) / PARTS;
    __syncthreads();
    for (int task = threadIdx.x; task < n_rows * PARTS; task += blockDim.x) {
        const int row = task % n_rows, part = task / n_rows;
        const int stop = (part + 1) * width;
        double total = 0.0;
        for (int column = part * width; column < stop && column < blockDim.x; ++column)
            total += terms[row][column];
        parts[row][part] = total;
    }
    __syncthreads();
    for (int row = threadIdx.x; row < n_rows; row += blockDim.x) {
        double total = 0.0;
        for (int part = 0; part < PARTS; ++part)
            total += parts[row][part];
        sums[row] += total;
    }
    __syncthreads();
}

// Backward: what every spike before t* adds to the gradients.
//
// With h = p K + q K' and r = kappa p - kappa q/tau_s at distance zero, going back by u
//     h <- exp(-u/tau) h + phi(u) r,   r <- exp(-u/tau_s) r,   from h = kappa q at t* itself
// and h' = r - h/tau. Spike f adds h to the gradient of its weight and -w h' to that of its time.
//
// A block has the patterns blockIdx.x, blockIdx.x + gridDim.x, ... one after the other, and a shard
// [N, O] of the weight gradient to itself, in which thread o owns column o: nothing races and the
// order of additions is fixed. Time gradients [B, K] are sums over all outputs, so where they are
// wanted one block has all tiles of its patterns (gridDim.y is 1) and adds them in turn.
template <bool WITH_TIMES>
__device__ void walk_back(Reals times, Integers afferents, const int64* __restrict__ counts,
                          Reals weights, Reals t_stars, const int64* __restrict__ crossing_event,
                          const double* __restrict__ ps, const double* __restrict__ qs,
                          const double* __restrict__ at_spikes, double* __restrict__ shards,
                          double* __restrict__ time_sums, int64 n_patterns, int64 n_events,
                          int64 n_afferents, int64 n_outputs, const Psp& psp)
{
    __shared__ Gap gaps[CHUNK];
    __shared__ double starts[CHUNK];
    __shared__ int64 rows[CHUNK];
    __shared__ double terms[WITH_TIMES ? ROWS : 1][MAX_THREADS + 1];  // + 1: no bank conflicts
    __shared__ double parts[WITH_TIMES ? ROWS : 1][PARTS + 1];
    const int64 n_tiles = (n_outputs + blockDim.x - 1) / blockDim.x;
    double* const shard = shards + blockIdx.x * n_afferents * n_outputs;

    for (int64 b = blockIdx.x; b < n_patterns; b += gridDim.x)
        for (int64 tile = blockIdx.y; tile < n_tiles; tile += gridDim.y) {
            const int64 first_event = b * n_events;
            const int64 count = counts[b];
            const int64 o = tile * blockDim.x + threadIdx.x;
            double p = 0.0, q = 0.0, at_spike = 0.0, t_star = 0.0;
            int64 last = count;
            if (o < n_outputs) {
                const int64 pair = b * n_outputs + o;
                p = ps[pair];
                q = qs == nullptr ? 0.0 : qs[pair];
                at_spike = WITH_TIMES ? at_spikes[pair] : 0.0;
                t_star = t_stars[pair];
                last = crossing_event == nullptr ? count : crossing_event[pair];
            }
            const bool active = p != 0.0 || q != 0.0 || at_spike != 0.0;
            if (!__syncthreads_or(active))
                continue;  // no thread of this block has anything to pull back
            bool before = false;  // whether the walk has passed t*
            double h = 0.0, r = 0.0;

            for (int64 end = count; end > 0; end -= CHUNK) {
                const int size = chunk_of(end);
                const int64 begin = end - size;
                __syncthreads();
                for (int j = threadIdx.x; j < size; j += blockDim.x) {
                    const int64 k = first_event + begin + j;
                    starts[j] = times[k];
                    // nothing crosses what comes after the last event
                    gaps[j] = gap_of(psp, begin + j + 1 == count ? 0.0 : times[k + 1] - times[k]);
                    rows[j] = afferents[k] * n_outputs;
                }
                __syncthreads();
                for (int top = size; top > 0; top -= ROWS) {
                    const int bottom = top > ROWS ? top - ROWS : 0;
                    for (int j = top - 1; j >= bottom; --j) {
                        double to_time = 0.0;
                        if (active && begin + j <= last) {
                            if (before) {
                                h = gaps[j].slow * h + gaps[j].phi * r;
                                r = gaps[j].fast * r;
                            } else if (starts[j] < t_star) {
                                const Gap x = gap_of(psp, t_star - starts[j]);
                                before = true;
                                r = psp.kappa * (p - q / psp.tau_s);
                                h = x.slow * (psp.kappa * q) + x.phi * r;
                                r = x.fast * r;
                            }
                            if (before)
                                shard[rows[j] + o] += h;
                            if (WITH_TIMES && before)
                                to_time = -weights[rows[j] + o] * (r - h / psp.tau);
                            else if (WITH_TIMES && starts[j] == t_star)
                                to_time = at_spike * weights[rows[j] + o];
                        }
                        if (WITH_TIMES)
                            terms[j - bottom][threadIdx.x] = to_time;
                    }
                    if (WITH_TIMES)
                        add_rows(terms, parts, top - bottom,
                                 time_sums + first_event + begin + bottom);
                }
            }
        }
}

// times, afferents, counts, weights, t_star and crossing_event as for `cotangents`, which gave p
// and q (may be null) [B, O]. shards [gridDim.x, N, O] starts at zero.
extern "C" __global__ void __launch_bounds__(MAX_THREADS, MIN_BLOCKS)
    adjoint(const void* times, int times_double, const void* afferents, int afferents_wide,
            const int64* counts, const void* t_star, const int64* crossing_event, const double* p,
            const double* q, double* shards, int64 n_patterns, int64 n_events, int64 n_afferents,
            int64 n_outputs, double tau, double tau_s, double beta, double kappa)
{
    walk_back<false>(Reals{times, times_double}, Integers{afferents, afferents_wide}, counts,
                     Reals{nullptr, 0}, Reals{t_star, times_double}, crossing_event, p, q, nullptr,
                     shards, nullptr, n_patterns, n_events, n_afferents, n_outputs,
                     Psp{tau, tau_s, beta, kappa});
}

// The same with the gradient towards the spike times: time_sums [B, K] starts at zero, and
// gridDim.y is 1.
extern "C" __global__ void __launch_bounds__(MAX_THREADS, MIN_BLOCKS)
    adjoint_with_times(const void* times, int times_double, const void* afferents,
                       int afferents_wide, const int64* counts, const void* weights,
                       int weights_double, const void* t_star, const int64* crossing_event,
                       const double* p, const double* q, const double* at_spike, double* shards,
                       double* time_sums, int64 n_patterns, int64 n_events, int64 n_afferents,
                       int64 n_outputs, double tau, double tau_s, double beta, double kappa)
{
    walk_back<true>(Reals{times, times_double}, Integers{afferents, afferents_wide}, counts,
                    Reals{weights, weights_double}, Reals{t_star, times_double}, crossing_event, p,
                    q, at_spike, shards, time_sums, n_patterns, n_events, n_afferents, n_outputs,
                    Psp{tau, tau_s, beta, kappa});
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
        for (int64 shard = 0; shard < n_shards; ++shard)
            total += shards[shard * size + i];
        store(weight_gradient, weights_double, i % n_outputs * n_afferents + i / n_outputs, total);
    }
}
