// A kernel as the driver knows it: a name, its parameters, and a call for one thread.
#pragma once
#include <functional>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

enum Parameter { NUMBER, READ, WRITTEN }; // a pointer to const is read; to anything else, taken to be written

struct Kernel {
    std::string name;
    std::vector<Parameter> parameters;
    std::function<void(void **arguments)> call; // arguments[i] points to the i-th, as cuLaunchKernel has them
    unsigned shared_limit = 48 << 10;           // bytes of dynamic shared memory, unless the host asks for more
};

/// Every kernel that was compiled, by name (driver.cpp).
void enlist(Kernel kernel);
/// Runs the block of `threads` threads that blockIdx and blockDim name (block.cpp).
void run_block(const Kernel &kernel, void **arguments, int threads);
/// EMU_BACKWARDS=1: blocks and threads take turns from the last to the first.
bool backwards();

template <class P> Parameter kind() {
    if (!std::is_pointer<P>::value) return NUMBER;
    return std::is_const<std::remove_pointer_t<P>>::value ? READ : WRITTEN;
}
template <class... P, size_t... I> void call(void (*text)(P...), void **arguments, std::index_sequence<I...>) {
    text(*(P *)arguments[I]...);
}
template <class... P> bool enlist(const char *name, void (*text)(P...)) {
    enlist({name, {kind<P>()...}, [text](void **a) { call(text, a, std::index_sequence_for<P...>{}); }});
    return true;
}
