// Plays the threads of a block in one host thread. They take turns and change only where they meet: at __syncthreads or
// at an exchange between the lanes of a warp. A warp runs as far as the next __syncthreads before the next warp begins,
// from the first to the last or (EMU_BACKWARDS=1) from the last to the first: where a barrier is missing, one of the
// two orders reads what has not been written yet, and memory that was never written is NaN.
//
// A thread that waits keeps its stack. A thread that never waits leaves it to the next one, so kernels without
// barriers, most of them, run as a plain loop.
#include "device.h"
#include "kernel.h"
#include <memory>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <ucontext.h>

__thread uint3 threadIdx, blockIdx;
__thread dim3 blockDim, gridDim;
__thread char *dynamic_shared;

namespace {

enum State { NOT_STARTED, RUNNING, AT_EXCHANGE, AT_BARRIER, RETURNED };

// A context begins a stack; to change between those that have begun, jumps are a hundred times as fast.
struct Stack {
    ucontext_t context;
    bool begun = false;
    jmp_buf left;
    std::unique_ptr<char[]> memory{new char[SIZE]};
    static const size_t SIZE = 64 << 10;
};

struct Thread {
    State state = NOT_STARTED;
    Stack *stack = nullptr; // where it waits
    uint64_t value = 0;     // what it brings to an exchange
    int line = 0;           // of the source: where it waits
};

struct Block {
    const Kernel &kernel;
    void **arguments;
    std::vector<Thread> &threads;
    int started = 0;        // in the order of turns
    int may_start = 0;      // as far as this
    int now = 0;            // whose turn it is
    Stack *stack = nullptr; // on which it runs
    jmp_buf scheduler = {}; // run_block
    Warp exchanged = {};

    int size() const { return (int)threads.size(); }
    int turn(int i) const { return backwards() ? size() - 1 - i : i; }
};

thread_local Block *block;
thread_local std::vector<std::unique_ptr<Stack>> all_stacks;
thread_local std::vector<Stack *> free_stacks;

void place(int thread) {
    block->now = thread;
    unsigned i = thread;
    threadIdx = {i % blockDim.x, i / blockDim.x % blockDim.y, i / blockDim.x / blockDim.y};
}

/// From run_block to a stack, until that one leaves.
void go_on(Stack *stack) {
    block->stack = stack;
    if (_setjmp(block->scheduler)) return;
    if (stack->begun) _longjmp(stack->left, 1);
    stack->begun = true;
    setcontext(&stack->context);
}

/// Back to run_block, until it goes on with this stack.
void leave(Stack *stack) {
    if (!_setjmp(stack->left)) _longjmp(block->scheduler, 1);
}

/// What runs on each stack, for ever: threads of whatever block is being played.
void take_threads() {
    for (;;) {
        while (block->started < block->may_start) {
            int thread = block->turn(block->started++);
            block->threads[thread].state = RUNNING;
            place(thread);
            block->kernel.call(block->arguments);
            block->threads[block->now].state = RETURNED;
        }
        free_stacks.push_back(block->stack);
        leave(block->stack);
    }
}

void go_on_with_a_free_stack() {
    if (free_stacks.empty()) {
        all_stacks.emplace_back(new Stack);
        Stack *stack = all_stacks.back().get();
        getcontext(&stack->context);
        stack->context.uc_stack.ss_sp = stack->memory.get();
        stack->context.uc_stack.ss_size = Stack::SIZE;
        makecontext(&stack->context, take_threads, 0);
        free_stacks.push_back(stack);
    }
    Stack *stack = free_stacks.back();
    free_stacks.pop_back();
    go_on(stack);
}

void go_on(int thread) {
    block->threads[thread].state = RUNNING;
    place(thread);
    go_on(block->threads[thread].stack);
}

void wait(State state, uint64_t value, int line) {
    Thread &thread = block->threads[block->now];
    thread.state = state;
    thread.stack = block->stack;
    thread.value = value;
    thread.line = line;
    leave(thread.stack);
}

[[noreturn]] void never_meet(int a, int b) {
    fprintf(stderr, "emulated GPU: kernel %s: threads %d and %d wait for each other at lines %d and %d\n",
            block->kernel.name.c_str(), a, b, block->threads[a].line, block->threads[b].line);
    abort();
}

/// Those of threads first..end that wait; aborts unless all wait at the same place.
std::vector<int> waiting(int first, int end) {
    std::vector<int> found;
    for (int i = first; i < end; i++) {
        int thread = block->turn(i);
        const Thread &at = block->threads[thread];
        if (at.state == RETURNED) continue;
        if (!found.empty()) {
            const Thread &other = block->threads[found[0]];
            if (at.state != other.state || at.line != other.line) never_meet(found[0], thread);
        }
        found.push_back(thread);
    }
    return found;
}

/// Exchanges between the lanes of one warp until all have come to a barrier or returned.
void exchange(int first, int end) {
    for (;;) {
        std::vector<int> lanes = waiting(first, end);
        if (lanes.empty() || block->threads[lanes[0]].state == AT_BARRIER) return;
        block->exchanged.present = 0;
        std::fill_n(block->exchanged.values, 32, ~0ull);
        for (int thread : lanes) {
            block->exchanged.present |= 1u << thread % 32;
            block->exchanged.values[thread % 32] = block->threads[thread].value;
        }
        for (int thread : lanes) go_on(thread);
    }
}

/// The end, in the order of turns, of the warp that turn `i` belongs to.
int end_of_warp(int i) {
    int warp = block->turn(i) / 32;
    while (i < block->size() && block->turn(i) / 32 == warp) i++;
    return i;
}

} // namespace

bool backwards() {
    static const char *value = getenv("EMU_BACKWARDS");
    return value && *value;
}

void meet_block(int line) { wait(AT_BARRIER, 0, line); }

const Warp &meet_warp(uint64_t value, int line) {
    wait(AT_EXCHANGE, value, line);
    return block->exchanged; // each lane reads it before any lane comes to the next exchange
}

void run_block(const Kernel &kernel, void **arguments, int size) {
    static thread_local std::vector<Thread> threads; // only to keep its memory
    threads.assign(size, Thread());
    Block played{kernel, arguments, threads};
    block = &played;
    while (played.started < size) {
        played.may_start = size;
        go_on_with_a_free_stack();
        if (played.threads[played.now].state == RETURNED) continue;
        // Somebody waits: his warp comes to its barrier before the next one starts.
        int last = played.started - 1, begin = last;
        while (begin > 0 && played.turn(begin - 1) / 32 == played.turn(last) / 32) begin--;
        played.may_start = end_of_warp(last);
        while (played.started < played.may_start) go_on_with_a_free_stack();
        exchange(begin, played.may_start);
    }
    while (!waiting(0, size).empty()) {
        for (int begin = 0; begin < size; begin = end_of_warp(begin)) {
            int end = end_of_warp(begin);
            for (int thread : waiting(begin, end)) go_on(thread);
            exchange(begin, end);
        }
    }
    block = nullptr;
}
