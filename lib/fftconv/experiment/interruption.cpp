#include "fftconv/experiment/interruption.hpp"

#include <csignal>
#include <initializer_list>

namespace fftconv {

namespace {

volatile std::sig_atomic_t asked = 0;

void ask(int) {
    asked = 1;
}

}  // namespace

void watch_for_interruption() {
    struct sigaction action {};
    action.sa_handler = ask;
    action.sa_flags = SA_RESETHAND | SA_RESTART;
    for (int signal : {SIGINT, SIGTERM}) sigaction(signal, &action, nullptr);
}

bool interrupted() {
    return asked != 0;
}

}  // namespace fftconv
