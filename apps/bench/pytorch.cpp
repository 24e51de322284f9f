#include "bench/pytorch.hpp"

#include <spdlog/fmt/fmt.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <memory>

#include "fftconv/core/error.hpp"

namespace fftconv {
namespace {

/// A program that says a line when it is ready, and answers every line with a line.
class Conversation {
  public:
    explicit Conversation(std::vector<std::string> command) : name_(command.at(0)) {
        int ends[2];
        if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0)
            throw Error(name_ + ": " + std::strerror(errno));
        std::vector<char*> arguments;
        for (std::string& argument : command) arguments.push_back(argument.data());
        arguments.push_back(nullptr);
        process_ = fork();
        if (process_ == 0) {
            dup2(ends[1], STDIN_FILENO);
            dup2(ends[1], STDOUT_FILENO);
            execvp(arguments[0], arguments.data());
            _exit(127);  // as a shell says it
        }
        close(ends[1]);
        end_ = ends[0];
        if (process_ < 0) throw Error(name_ + ": " + std::strerror(errno));
    }
    ~Conversation() {
        close(end_);  // the end of its input
        waitpid(process_, nullptr, 0);
    }
    Conversation(const Conversation&) = delete;
    Conversation& operator=(const Conversation&) = delete;

    /// @throws Error when the program has ended.
    std::string listen() {
        std::string line;
        for (char c; recv(end_, &c, 1, 0) == 1; line += c)
            if (c == '\n') return line;
        throw Error(name_ +
                    ": it ended without an answer; expected apps/bench_pytorch.py and PyTorch "
                    "(python3-torch)");
    }
    std::string ask(const std::string& line) {
        send(end_, (line + "\n").data(), line.size() + 1, MSG_NOSIGNAL);  // an ended program is heard below
        return listen();
    }

  private:
    std::string name_;
    pid_t process_ = -1;
    int end_ = -1;
};

}  // namespace

Contender pytorch_contender(const std::string& script, const std::string& architecture, int batch,
                            int threads, NetworkPass pass) {
    auto pytorch = std::make_shared<Conversation>(
        std::vector<std::string>{script, architecture, "--batch", std::to_string(batch), "--threads",
                                 std::to_string(threads), "--serve"});
    const std::string question = pass == NetworkPass::inference ? "inference" : "training";
    return {.name = pytorch->listen(), .threads = threads, .run = [pytorch, question] {
                pytorch->ask(question);
            }};
}

}  // namespace fftconv
