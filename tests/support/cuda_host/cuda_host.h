// What the kernels need of CUDA, for a host C++ compiler.
//
// The threads of a block are real threads, so that barriers and the sharing of work and memory are
// put to the test; blocks run one after the other. The names are CUDA's own.
#pragma once

#include <atomic>
#include <barrier>
#include <cmath>
#include <cstddef>
#include <thread>
#include <vector>

#define __global__
#define __device__
#define __launch_bounds__(...)
#define __shared__ static  // one block at a time

using std::isfinite;
using std::isnan;

struct Dim3 {
    unsigned x, y;
};

inline thread_local Dim3 threadIdx, blockIdx;
inline Dim3 blockDim, gridDim;

// The barrier of the one block that runs, and a vote for each of two successive barriers.
inline std::barrier<>* block_barrier;
inline std::atomic<int> votes[2];
inline thread_local int turn;

inline void __syncthreads()
{
    block_barrier->arrive_and_wait();
}

inline int __syncthreads_or(int predicate)
{
    const int now = turn;
    turn = 1 - turn;
    if (predicate)
        votes[now] = 1;
    __syncthreads();
    const int result = votes[now];
    // Nobody votes here again before the vote after the next, which is behind one more barrier.
    __syncthreads();
    votes[now] = 0;
    return result;
}

// Not atomic: threads of a block are expected to add to addresses of their own.
inline double atomicAdd(double* sum, double value)
{
    const double before = *sum;
    *sum += value;
    return before;
}

// Run `kernel()` in every thread of every block.
template <class Kernel>
void launch(Dim3 grid, Dim3 block, const Kernel& kernel)
{
    gridDim = grid;
    blockDim = block;
    std::barrier<> barrier(static_cast<std::ptrdiff_t>(block.x));
    block_barrier = &barrier;
    std::vector<std::thread> threads;
    for (unsigned index = 0; index < block.x; ++index)
        threads.emplace_back([&, index] {
            threadIdx = {index, 0};
            for (unsigned y = 0; y < grid.y; ++y)
                for (unsigned x = 0; x < grid.x; ++x) {
                    blockIdx = {x, y};
                    kernel();
                    __syncthreads();  // the next block reuses the shared memory
                }
        });
    for (std::thread& thread : threads)
        thread.join();
}
