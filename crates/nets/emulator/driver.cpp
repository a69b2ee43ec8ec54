// A CUDA driver without a GPU: of libcuda, what cudarc and candle call. Memory is the host's and work is done at once,
// so results are those of a GPU whose host threads wait for everything. What they do not wait for is counted: see
// "order" below.
//
// EMU_REPORT=1    lists how often each operation ran.
// EMU_BACKWARDS=1 runs blocks and threads from the last to the first (block.cpp).
//
// A process in which anything was found to be wrong ends with status 86, whatever its tests say.
#include "device.h"
#include "kernel.h"
#include <map>
#include <mutex>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

typedef int Result;
typedef unsigned long long Address;
enum : Result {
    SUCCESS = 0,
    INVALID_VALUE = 1,
    OUT_OF_MEMORY = 2,
    NO_SUCH_DEVICE = 101,
    NOT_FOUND = 500,
    ILLEGAL_ADDRESS = 700,
};
#define SAY(...) (fprintf(stderr, "emulated GPU: " __VA_ARGS__), fputc('\n', stderr))

static std::recursive_mutex mutex; // over everything below; kernels run outside of it
typedef std::lock_guard<std::recursive_mutex> Lock;

static std::map<std::string, Kernel> &kernels() {
    static std::map<std::string, Kernel> all; // in a function: it is filled before main begins
    return all;
}
void enlist(Kernel kernel) { kernels()[kernel.name] = kernel; }

// ---- order

// A GPU runs the operations of one stream one after another; those of two streams in any order, unless one waits for
// the other's event or the host waited in between. Handle 2, candle's default, is another stream in each host thread.
// So for each buffer: which operation wrote it last, which have read it since, and does the next one know that they are
// finished? A buffer is taken as a whole. The host's own threads are taken to be in order: rayon's joins see to that.
typedef unsigned long Time;        // operations are numbered from 1
typedef std::map<int, Time> Clock; // stream → its last operation that is known to be finished
struct Use {
    int stream;
    Time at;
};
struct Event {
    Use recorded;
    Clock known;
};
struct Buffer {
    size_t size;
    Use written;
    std::map<int, Time> read;
};

static Time now;
static Clock host; // what the host has waited for
static std::map<int, Clock> streams;
static const int FIRST_STREAM = 1000;
static int made_streams;
static std::map<Address, Buffer> buffers;
static size_t live, peak;
static std::map<std::string, long> counts, unordered;
static long faults;

static int stream_of(void *handle) {
    static __thread int own;
    if ((uintptr_t)handle > 2) return (int)(uintptr_t)handle; // from cuStreamCreate
    if (!own) own = FIRST_STREAM + ++made_streams;
    return own;
}

static bool is_finished(Use use, int for_stream) {
    return use.stream == for_stream || host[use.stream] >= use.at || streams[for_stream][use.stream] >= use.at;
}

static void merge(Clock &into, const Clock &other) {
    for (auto &entry : other) into[entry.first] = std::max(into[entry.first], entry.second);
}

static void host_waits_for(int stream) {
    host[stream] = now;
    merge(host, streams[stream]);
    counts["host waits"]++;
}

/// The buffer that `address` lies in.
static Buffer *find(Address address) {
    auto next = buffers.upper_bound(address);
    if (next == buffers.begin()) return nullptr;
    auto found = std::prev(next);
    return address < found->first + found->second.size ? &found->second : nullptr;
}

static void note(Buffer &buffer, Parameter how, int stream, const std::string &who) {
    if (!is_finished(buffer.written, stream))
        unordered[who + (how == READ ? " reads" : " writes") + " what another stream writes"]++;
    if (how == READ) {
        buffer.read[stream] = now;
        return;
    }
    for (auto &read : buffer.read)
        if (!is_finished({read.first, read.second}, stream)) unordered[who + " writes what another stream reads"]++;
    buffer.read.clear();
    buffer.written = {stream, now};
}

// ---- memory

static const size_t MARGIN = 256; // on both sides of each buffer, and the alignment that CUDA promises
static const int POISON = 0xff;   // NaN in every floating-point format

static bool is_poison(const char *from) {
    return std::all_of(from, from + MARGIN, [](char byte) { return byte == (char)POISON; });
}

static void check_margins(Address start, const Buffer &buffer, const std::string &who) {
    char *from = (char *)start, *end = from + buffer.size;
    if (is_poison(from - MARGIN) && is_poison(end)) return;
    SAY("%s wrote outside a buffer of %zu bytes", who.c_str(), buffer.size);
    faults++;
    memset(from - MARGIN, POISON, MARGIN);
    memset(end, POISON, MARGIN);
}

static Result allocate(Address *address, size_t size, Use by) {
    if (!size) return INVALID_VALUE;
    size_t whole = (size + 3 * MARGIN - 1) / MARGIN * MARGIN;
    char *memory = (char *)aligned_alloc(MARGIN, whole);
    if (!memory) return OUT_OF_MEMORY;
    memset(memory, POISON, whole);
    *address = (Address)(memory + MARGIN);
    buffers[*address] = {size, by, {}};
    live += size;
    peak = std::max(peak, live);
    counts["allocations"]++;
    return SUCCESS;
}

static Result release(Address address, int stream) {
    auto found = buffers.find(address);
    if (found == buffers.end()) return INVALID_VALUE;
    note(found->second, WRITTEN, stream, "freeing memory");
    check_margins(address, found->second, "something");
    live -= found->second.size;
    buffers.erase(found);
    free((char *)address - MARGIN);
    return SUCCESS;
}

/// Notes that an operation reads or writes `size` bytes from `address`.
static Result use(Address address, size_t size, Parameter how, int stream, const std::string &who) {
    if (!size) return SUCCESS;
    Buffer *buffer = find(address);
    if (!buffer || find(address + size - 1) != buffer) {
        SAY("%s is given %zu bytes that are not allocated", who.c_str(), size);
        faults++;
        return ILLEGAL_ADDRESS;
    }
    note(*buffer, how, stream, who);
    return SUCCESS;
}

static void report() {
    Lock lock(mutex);
    for (auto &buffer : buffers) check_margins(buffer.first, buffer.second, "something");
    long uses = 0;
    for (auto &entry : unordered) uses += entry.second;
    SAY("%lu operations, peak memory %.1f MB, unordered uses: %ld, faults: %ld", now, peak / 1e6, uses, faults);
    for (auto &entry : unordered) SAY("  unordered: %s, %ld times", entry.first.c_str(), entry.second);
    if (getenv("EMU_REPORT"))
        for (auto &entry : counts) SAY("  %-32s %8ld", entry.first.c_str(), entry.second);
    if (uses || faults) _exit(86);
}

// ---- what cublas.cpp asks for

extern "C" void emulated_product_begins() {
    Lock lock(mutex);
    now++;
    counts["product"]++;
}
extern "C" Result emulated_product_uses(const void *address, size_t size, bool writes, void *handle) {
    Lock lock(mutex);
    return use((Address)address, size, writes ? WRITTEN : READ, stream_of(handle), "product");
}

extern "C" {
// ---- device and context

Result cuInit(unsigned) {
    static bool once = (atexit(report), true);
    return once ? SUCCESS : INVALID_VALUE;
}
Result cuDriverGetVersion(int *version) { return *version = 13000, SUCCESS; }
Result cuDeviceGetCount(int *n) { return *n = 1, SUCCESS; }
Result cuDeviceGet(int *device, int ordinal) { return *device = ordinal, ordinal ? NO_SUCH_DEVICE : SUCCESS; }
Result cuDeviceGetName(char *name, int size, int) { return snprintf(name, size, "emulated GPU"), SUCCESS; }
Result cuDeviceTotalMem_v2(size_t *bytes, int) { return *bytes = 80ull << 30, SUCCESS; }
Result cuDeviceGetAttribute(int *value, int attribute, int) {
    switch (attribute) {
    case 1: *value = 1024; break;     // threads in a block
    case 8: *value = 48 << 10; break; // shared memory of a block, unless more is asked for
    case 10: *value = 32; break;      // threads in a warp
    case 16: *value = 108; break;     // multiprocessors
    case 75: *value = 8; break;       // compute capability 8.0
    case 76: *value = 0; break;
    case 97: *value = 163 << 10; break; // shared memory that can be asked for
    case 115: *value = 1; break;        // memory pools
    default: *value = 1;
    }
    return SUCCESS;
}
static __thread void *context;
Result cuDevicePrimaryCtxRetain(void **made, int) { return *made = (void *)1, SUCCESS; }
Result cuDevicePrimaryCtxRelease_v2(int) { return SUCCESS; }
Result cuCtxGetCurrent(void **current) { return *current = context, SUCCESS; }
Result cuCtxSetCurrent(void *current) { return context = current, SUCCESS; }
Result cuCtxSynchronize() {
    Lock lock(mutex);
    for (int i = 1; i <= made_streams; i++) host[FIRST_STREAM + i] = now;
    counts["host waits"]++;
    return SUCCESS;
}
Result cuGetErrorName(Result, const char **name) { return *name = "CUDA_ERROR", SUCCESS; }
Result cuGetErrorString(Result error, const char **text) {
    *text = error == NOT_FOUND         ? "named symbol not found"
            : error == ILLEGAL_ADDRESS ? "an illegal memory access was encountered"
            : error == OUT_OF_MEMORY   ? "out of memory"
                                       : "the emulated GPU refuses this call or does not know it";
    return SUCCESS;
}

// ---- streams and events

Result cuStreamCreate(void **handle, unsigned) {
    Lock lock(mutex);
    *handle = (void *)(uintptr_t)(FIRST_STREAM + ++made_streams);
    return SUCCESS;
}
Result cuStreamCreateWithPriority(void **handle, unsigned flags, int) { return cuStreamCreate(handle, flags); }
Result cuStreamDestroy_v2(void *) { return SUCCESS; }
Result cuStreamIsCapturing(void *, int *status) { return *status = 0, SUCCESS; }
Result cuStreamSynchronize(void *handle) {
    Lock lock(mutex);
    host_waits_for(stream_of(handle));
    return SUCCESS;
}
Result cuEventCreate(void **event, unsigned) { return *event = new Event{{0, 0}, {}}, SUCCESS; }
Result cuEventDestroy_v2(void *event) { return delete (Event *)event, SUCCESS; }
Result cuEventQuery(void *) { return SUCCESS; }
Result cuEventRecord(void *event, void *handle) {
    Lock lock(mutex);
    int stream = stream_of(handle);
    *(Event *)event = {{stream, now}, streams[stream]};
    return SUCCESS;
}
static void merge(Clock &into, const Event &event) {
    merge(into, event.known);
    into[event.recorded.stream] = std::max(into[event.recorded.stream], event.recorded.at);
}
Result cuStreamWaitEvent(void *handle, void *event, unsigned) {
    Lock lock(mutex);
    merge(streams[stream_of(handle)], *(Event *)event);
    return SUCCESS;
}
Result cuEventSynchronize(void *event) {
    Lock lock(mutex);
    merge(host, *(Event *)event);
    return SUCCESS;
}

// ---- memory

Result cuMemAlloc_v2(Address *address, size_t size) {
    Lock lock(mutex);
    return allocate(address, size, {0, 0});
}
Result cuMemAllocAsync(Address *address, size_t size, void *handle) {
    Lock lock(mutex);
    return allocate(address, size, {stream_of(handle), ++now});
}
Result cuMemFree_v2(Address address) {
    Lock lock(mutex);
    return cuCtxSynchronize(), release(address, 0);
}
Result cuMemFreeAsync(Address address, void *handle) {
    Lock lock(mutex);
    return release(address, stream_of(handle));
}
Result cuMemGetInfo_v2(size_t *free, size_t *total) { return *total = 80ull << 30, *free = *total - live, SUCCESS; }
Result cuDeviceGetDefaultMemPool(void **pool, int) { return *pool = (void *)1, SUCCESS; }
enum { RELEASE_THRESHOLD = 4, USED_NOW = 7, USED_AT_MOST = 8 };
Result cuMemPoolSetAttribute(void *, int attribute, void *) {
    if (attribute == USED_AT_MOST) peak = live;
    return attribute == RELEASE_THRESHOLD || attribute == USED_AT_MOST ? SUCCESS : INVALID_VALUE;
}
Result cuMemPoolGetAttribute(void *, int attribute, void *value) {
    *(uint64_t *)value = attribute == USED_NOW ? live : peak;
    return attribute == USED_NOW || attribute == USED_AT_MOST ? SUCCESS : INVALID_VALUE;
}
Result cuMemcpyHtoDAsync_v2(Address to, const void *from, size_t size, void *handle) {
    Lock lock(mutex);
    now++;
    counts["copy to the device"]++;
    if (Result failed = use(to, size, WRITTEN, stream_of(handle), "copy to the device")) return failed;
    memcpy((void *)to, from, size);
    return SUCCESS;
}
Result cuMemcpyDtoHAsync_v2(void *to, Address from, size_t size, void *handle) {
    Lock lock(mutex);
    now++;
    counts["copy to the host"]++;
    int stream = stream_of(handle);
    if (Result failed = use(from, size, READ, stream, "copy to the host")) return failed;
    memcpy(to, (void *)from, size);
    host_waits_for(stream); // as it does for memory that is not page-locked
    return SUCCESS;
}
Result cuMemcpyDtoDAsync_v2(Address to, Address from, size_t size, void *handle) {
    Lock lock(mutex);
    now++;
    counts["copy on the device"]++;
    int stream = stream_of(handle);
    if (Result failed = use(from, size, READ, stream, "copy on the device")) return failed;
    if (Result failed = use(to, size, WRITTEN, stream, "copy on the device")) return failed;
    memmove((void *)to, (void *)from, size);
    return SUCCESS;
}
Result cuMemsetD8Async(Address at, unsigned char value, size_t size, void *handle) {
    Lock lock(mutex);
    now++;
    counts["memset"]++;
    if (Result failed = use(at, size, WRITTEN, stream_of(handle), "memset")) return failed;
    memset((void *)at, value, size);
    return SUCCESS;
}

// ---- modules and kernels

// A module is PTX, from nvcc or NVRTC. Nothing of it is run but what it names, as g++ compiled it from the same text.
Result cuModuleLoadData(void **module, const void *ptx) { return *module = strdup((const char *)ptx), SUCCESS; }
Result cuModuleUnload(void *module) { return free(module), SUCCESS; }
Result cuModuleGetFunction(void **function, void *module, const char *name) {
    const char *entry = strstr((char *)module, (".entry " + std::string(name) + "(").c_str());
    if (!entry) {
        SAY("the module's PTX has no kernel %s", name);
        return NOT_FOUND;
    }
    size_t parameters = 0;
    for (const char *at = entry, *end = strchr(entry, ')'); (at = strstr(at, ".param")) && at < end; at++) parameters++;
    auto found = kernels().find(name);
    if (found == kernels().end() || found->second.parameters.size() != parameters) {
        SAY("the emulator was built without this kernel %s of %zu parameters: build it again", name, parameters);
        return NOT_FOUND;
    }
    return *function = &found->second, SUCCESS;
}
Result cuFuncSetAttribute(void *function, int attribute, int value) {
    if (attribute == 8) ((Kernel *)function)->shared_limit = value; // dynamic shared memory
    return value <= 163 << 10 ? SUCCESS : INVALID_VALUE;
}
Result cuLaunchKernel(void *function, unsigned grid_x, unsigned grid_y, unsigned grid_z, unsigned block_x,
                      unsigned block_y, unsigned block_z, unsigned shared, void *handle, void **arguments, void **) {
    const Kernel &kernel = *(Kernel *)function;
    unsigned threads = block_x * block_y * block_z;
    bool fits = grid_x && grid_x < 1u << 31 && grid_y && grid_y < 65536 && grid_z && grid_z < 65536;
    if (!fits || !threads || threads > 1024 || block_z > 64 || shared > kernel.shared_limit) {
        SAY("%s cannot be launched with a grid of %u x %u x %u blocks of %u x %u x %u threads and %u bytes of shared "
            "memory",
            kernel.name.c_str(), grid_x, grid_y, grid_z, block_x, block_y, block_z, shared);
        return INVALID_VALUE;
    }
    auto for_each_buffer = [&](auto what) {
        for (size_t i = 0; i < kernel.parameters.size(); i++) {
            Address address = kernel.parameters[i] == NUMBER ? 0 : *(Address *)arguments[i];
            if (!address) continue; // a null pointer stands for "none"
            if (Result failed = what(address, kernel.parameters[i])) return failed;
        }
        return (Result)SUCCESS;
    };
    {
        Lock lock(mutex);
        now++;
        counts[kernel.name]++;
        int stream = stream_of(handle);
        if (Result failed =
                for_each_buffer([&](Address at, Parameter how) { return use(at, 1, how, stream, kernel.name); }))
            return failed;
    }
    blockDim = {block_x, block_y, block_z};
    gridDim = {grid_x, grid_y, grid_z};
    std::vector<char> memory(shared + 16);
    dynamic_shared = (char *)(((uintptr_t)memory.data() + 15) / 16 * 16);
    size_t blocks = (size_t)grid_x * grid_y * grid_z;
    for (size_t i = 0; i < blocks; i++) {
        size_t turn = backwards() ? blocks - 1 - i : i;
        blockIdx = {unsigned(turn % grid_x), unsigned(turn / grid_x % grid_y), unsigned(turn / grid_x / grid_y)};
        memset(memory.data(), POISON, memory.size());
        run_block(kernel, arguments, threads);
    }
    Lock lock(mutex);
    return for_each_buffer([&](Address at, Parameter how) {
        auto buffer = std::prev(buffers.upper_bound(at));
        if (how == WRITTEN) check_margins(buffer->first, buffer->second, kernel.name);
        return (Result)SUCCESS;
    });
}
}
