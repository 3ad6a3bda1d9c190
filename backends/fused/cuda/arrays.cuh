// Arrays of either width of number, read and written in the widest.
#pragma once

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

// A number as an array of either width returns it.
__device__ double as_stored(int is_double, double value)
{
    return is_double ? value : static_cast<double>(static_cast<float>(value));
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

// The time t* that a pair is read at. Where it is NaN, as for a potential that does not stay finite,
// the end, so that what is pulled back reaches every event.
__device__ double read_time(const Reals& t_stars, int64 pair, double duration)
{
    const double t_star = t_stars[pair];
    return isnan(t_star) ? duration : t_star;
}

// Which of the n ascending times of a train, from `first` on, is the first that is later than
// `time`; n if none is.
__device__ int64 later_than(const Reals& train, int64 first, int64 n, double time, double duration)
{
    int64 low = 0, high = n;
    while (low < high) {
        const int64 middle = low + (high - low) / 2;
        if (read_time(train, first + middle, duration) > time)
            high = middle;
        else
            low = middle + 1;
    }
    return low;
}
