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
// The parts. One header for each subject; each includes what it needs. Of the standard library none
// is needed. NVRTC (which gets the text of all, see source.py), nvcc and, through a shim that stands
// for CUDA's keywords, a host C++ compiler all take them as they are.
#include "scan.cuh"
#include "spikes.cuh"
#include "cotangents.cuh"
#include "spike_cotangents.cuh"
#include "adjoint.cuh"
