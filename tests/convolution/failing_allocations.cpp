// What an engine promises when memory runs out: setters that fail leave it as it was, passes that fail leave
// it fit for the next call. Every allocation of a call fails in turn.
#include <atomic>
#include <boost/test/data/test_case.hpp>
#include <boost/test/unit_test.hpp>
#include <cstdlib>
#include <new>

#include "support/convolution_tester.hpp"

namespace {

std::atomic<long> allocations_left{-1};  // −1: none fails

bool next_fails() {
    long left = allocations_left.load();
    while (left >= 0 && !allocations_left.compare_exchange_weak(left, left - 1)) {
    }
    return left == 0;
}

void* allocate(std::size_t bytes) {
    if (next_fails()) throw std::bad_alloc();
    if (void* memory = std::malloc(bytes ? bytes : 1)) return memory;
    throw std::bad_alloc();
}

}  // namespace

void* operator new(std::size_t bytes) {
    return allocate(bytes);
}
void* operator new(std::size_t bytes, const std::nothrow_t&) noexcept {  // of std::stable_sort's buffer
    return next_fails() ? nullptr : std::malloc(bytes ? bytes : 1);
}
void operator delete(void* memory) noexcept {
    std::free(memory);
}
void operator delete(void* memory, std::size_t) noexcept {
    std::free(memory);
}

using namespace fftconv;
using namespace fftconv::test;

namespace {

const auto engines = boost::unit_test::data::make({"fft", "direct", "spatial"});

/// Calls `call` until it comes through, with its first, second, third … allocation failing, and `check` after
/// each failure. Returns how many failed.
template <class Call, class Check>
int fail_in_turn(Call call, Check check) {
    for (int failing = 0;; ++failing) {
        allocations_left = failing;
        try {
            call();
            allocations_left = -1;
            return failing;
        } catch (const std::bad_alloc&) {
            allocations_left = -1;
            check();
        }
    }
}

constexpr ConvolutionShape shape{
    .batch = 16, .in_channels = 5, .out_channels = 6, .height = 9, .width = 8, .kernel = 3, .padding = 1};

}  // namespace

BOOST_AUTO_TEST_SUITE(allocations_that_fail)

BOOST_DATA_TEST_CASE(set_mask_has_the_strong_guarantee, engines, engine) {
    ConvolutionTester before(shape), after(shape);
    before.density(0.8);
    after.density(0.4);
    auto made = before.make(engine);
    before.check_passes(*made);
    const std::vector<std::uint8_t> next = after.mask();
    const int failed = fail_in_turn([&] { made->set_mask(next); }, [&] { before.check_passes(*made); });
    BOOST_TEST(failed > 0);
    after.check_passes(*made);
}

BOOST_DATA_TEST_CASE(set_mode_has_the_strong_guarantee, engines, engine) {
    ConvolutionTester before(shape), after(shape);
    before.mode(0);
    after.mode(3);
    auto made = before.make(engine);
    before.check_passes(*made);
    fail_in_turn([&] { made->set_mode(3); }, [&] { before.check_passes(*made); });
    after.check_passes(*made);
}

BOOST_DATA_TEST_CASE(passes_leave_the_engine_fit_for_the_next, engines* boost::unit_test::data::make({1, 2}),
                     engine, threads) {
    ConvolutionTester tester(shape);
    tester.density(0.7).threads(threads).biased();
    const Tensor x = tester.x(), dy = tester.dy();
    auto made = tester.make(engine);
    Tensor y = made->make_output(), dx = made->make_input();
    std::vector<float> dw(shape.weights());
    int failed = fail_in_turn([&] { made->forward(x, y); }, [] {});
    failed += fail_in_turn([&] { made->backward(x, dy, dx, dw); }, [] {});
    BOOST_TEST(failed > 0);
    tester.check_passes(*made);
}

BOOST_AUTO_TEST_SUITE_END()
