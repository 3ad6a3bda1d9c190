// The kernels as a shared library for the host: built and loaded by host.py.
//
// Arguments arrive as a driver launch would take them, with a letter for the type of each, so that
// one that does not fit the kernel's signature is an error and not a wrong number.
#include "cuda_host.h"

#include <cstring>
#include <stdexcept>
#include <utility>

#include KERNELS

namespace {

// Letters of array types are NumPy's (d f i l), those of numbers their capitals; '0' is null.
struct Argument {
    const void* value;
    char type;

    template <class Wanted>
    Wanted as() const
    {
        if constexpr (std::is_pointer_v<Wanted>) {
            using Element = std::remove_cv_t<std::remove_pointer_t<Wanted>>;
            const char wanted = std::is_same_v<Element, double>  ? 'd'
                                : std::is_same_v<Element, int>   ? 'i'
                                : std::is_same_v<Element, int64> ? 'l'
                                                                 : '*';
            const bool is_array = type == 'd' || type == 'f' || type == 'i' || type == 'l';
            if (type != '0' && !(wanted == '*' ? is_array : type == wanted))
                throw std::invalid_argument("array");
            return static_cast<Wanted>(const_cast<void*>(value));
        } else {
            const char wanted = std::is_same_v<Wanted, double> ? 'D'
                                : std::is_same_v<Wanted, int>  ? 'I'
                                                               : 'L';
            if (type != wanted)
                throw std::invalid_argument("number");
            Wanted number;
            std::memcpy(&number, value, sizeof number);
            return number;
        }
    }
};

template <class... Wanted, std::size_t... index>
void call(void (*kernel)(Wanted...), Dim3 grid, Dim3 block, const Argument* arguments,
          std::index_sequence<index...>)
{
    const std::tuple<Wanted...> values{arguments[index].as<Wanted>()...};
    launch(grid, block, [&] { std::apply(kernel, values); });
}

template <class... Wanted>
void call(void (*kernel)(Wanted...), Dim3 grid, Dim3 block, const Argument* arguments, int n)
{
    if (n != static_cast<int>(sizeof...(Wanted)))
        throw std::invalid_argument("count");
    call(kernel, grid, block, arguments, std::index_sequence_for<Wanted...>{});
}

std::atomic<int> reports;

}  // namespace

// UBSan calls this, if it is there, for everything that it finds.
extern "C" void __ubsan_on_report()
{
    ++reports;
}

extern "C" int undefined_behaviours()
{
    return reports.exchange(0);
}

extern "C" int overflowed(int number)
{
    return number + 1;
}

// 0: done; 1: no such kernel; 2: the arguments do not fit it.
extern "C" int run(const char* name, unsigned grid_x, unsigned grid_y, unsigned threads,
                   const Argument* arguments, int n_arguments)
{
    const auto is = [&](const char* kernel) { return std::strcmp(name, kernel) == 0; };
    const auto with = [&](auto kernel) {
        call(kernel, Dim3{grid_x, grid_y}, Dim3{threads, 1}, arguments, n_arguments);
    };
    try {
        if (is("scan"))
            with(scan);
        else if (is("spikes"))
            with(spikes);
        else if (is("cotangents"))
            with(cotangents);
        else if (is("spike_cotangents"))
            with(spike_cotangents);
        else if (is("adjoint"))
            with(adjoint);
        else if (is("adjoint_with_times"))
            with(adjoint_with_times);
        else if (is("spike_adjoint"))
            with(spike_adjoint);
        else if (is("spike_adjoint_with_times"))
            with(spike_adjoint_with_times);
        else if (is("sum_shards"))
            with(sum_shards);
        else
            return 1;
    } catch (const std::invalid_argument&) {
        return 2;
    }
    return 0;
}
