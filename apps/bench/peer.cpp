#include "bench/peer.hpp"

#include <spdlog/fmt/fmt.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iostream>

#include "fftconv/core/error.hpp"

namespace fftconv {
namespace {

/// A program that answers every line with a line.
class Conversation {
  public:
    explicit Conversation(std::vector<std::string> command) : name_(command.back()) {
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
    std::string ask(const std::string& line) {
        send(end_, (line + "\n").data(), line.size() + 1, MSG_NOSIGNAL);  // an ended program is heard below
        std::string answer;
        for (char c; recv(end_, &c, 1, 0) == 1; answer += c)
            if (c == '\n') return answer;
        throw Error(name_ + ": it ended without an answer to '" + line + "'");
    }
    const std::string& name() const { return name_; }

  private:
    std::string name_;
    pid_t process_ = -1;
    int end_ = -1;
};

/// Gone with what is in it when it goes.
class WorkFolder {
  public:
    WorkFolder() : path_((std::filesystem::temp_directory_path() / "fftconv-bench-XXXXXX").string()) {
        if (!mkdtemp(path_.data())) throw Error(path_ + ": " + std::strerror(errno));
    }
    ~WorkFolder() {
        std::error_code ignored;
        std::filesystem::remove_all(path_, ignored);
    }
    WorkFolder(const WorkFolder&) = delete;
    WorkFolder& operator=(const WorkFolder&) = delete;

    std::string file(const std::string& name) const { return path_ + "/" + name + ".f32"; }
    const std::string& path() const { return path_; }

  private:
    std::string path_;
};

void write_floats(const std::string& file, const std::vector<float>& values) {
    std::ofstream out(file, std::ios::binary);
    out.write(reinterpret_cast<const char*>(values.data()), std::streamsize(values.size() * sizeof(float)));
    if (!out.flush()) throw Error(file + ": " + std::strerror(errno));
}

std::vector<float> read_floats(const std::string& file, std::size_t count) {
    std::vector<float> values(count);
    std::ifstream in(file, std::ios::binary);
    in.read(reinterpret_cast<char*>(values.data()), std::streamsize(count * sizeof(float)));
    if (!in || in.peek() != std::ifstream::traits_type::eof())
        throw FileError(file, "size", std::to_string(count * sizeof(float)) + " bytes", "another size");
    return values;
}

/// A program at work.
class Peer {
  public:
    explicit Peer(const PeerProgram& program) : conversation_(program.command) {}

    /// Its name for the tables, or none when it cannot.
    std::optional<std::string> take(const std::string& work) {
        const std::string answer = conversation_.ask(work + " folder=" + folder_.path());
        if (answer.starts_with("ready ")) return answer.substr(6);
        if (!answer.starts_with("cannot ")) throw unexpected(work, "'ready NAME' or 'cannot REASON'", answer);
        std::cout << fmt::format("    {}: cannot {}\n", conversation_.name(), answer.substr(7));
        return std::nullopt;
    }
    void run() {
        const std::string answer = conversation_.ask("run");
        char* end = nullptr;
        seconds_ = std::strtod(answer.c_str(), &end);
        if (end == answer.c_str() || *end != '\0' || !(seconds_ > 0))
            throw unexpected("run", "seconds", answer);
    }
    double seconds() const { return seconds_; }
    std::vector<float> result(std::size_t count) {
        if (const std::string answer = conversation_.ask("result"); answer != "done")
            throw unexpected("result", "'done'", answer);
        return read_floats(folder_.file("y"), count);
    }
    void write(const std::string& name, const std::vector<float>& values) const {
        write_floats(folder_.file(name), values);
    }

  private:
    Error unexpected(const std::string& question, const std::string& expected,
                     const std::string& found) const {
        return Error{fmt::format("{}: '{}': expected {}, found '{}'", conversation_.name(), question,
                                 expected, found)};
    }

    WorkFolder folder_;
    Conversation conversation_;
    double seconds_ = 0;
};

Contender contender_of(const std::shared_ptr<Peer>& peer, const std::string& name, int threads) {
    return {.name = name,
            .threads = threads,
            .run = [peer] { peer->run(); },
            .seconds = [peer] { return peer->seconds(); },
            .lingers = threads > 1};
}

std::string ending(int threads, const std::string& simd) {
    return fmt::format(" threads={} simd={}", threads, simd.empty() ? "best" : simd);
}

std::string pair_text(const PerAxis& pair) {
    return fmt::format("{},{}", pair.vertical, pair.horizontal);
}

std::string work_of(const ConvolutionShape& s) {
    return fmt::format(
        "layer batch={} channels={} outputs={} height={} width={} kernel={} padding={},{},{},{} stride={} "
        "dilation={} groups={}",
        s.batch, s.in_channels, s.out_channels, s.height, s.width, pair_text(s.kernel), s.padding.top,
        s.padding.left, s.padding.bottom, s.padding.right, pair_text(s.stride), pair_text(s.dilation),
        s.groups);
}

}  // namespace

std::vector<PeerProgram> peer_programs(const BenchmarkOptions& options) {
    const std::filesystem::path scripts = options.scripts.empty() ? FFTCONV_PEER_SCRIPTS : options.scripts;
    std::vector<PeerProgram> programs;
    for (const std::string& peer : options.rivals()) {
        if (peer != "pytorch" && peer != "onnxruntime") continue;
        const auto script = scripts / (peer + (peer == "onnxruntime" ? ".mjs" : ".py"));
        if (!std::filesystem::exists(script))
            throw UsageError("--peer " + peer + ": expected its script " + script.string() +
                             "; --scripts names the folder apps/bench of the source");
        programs.push_back({{script.string()}});
    }
    if (!options.peer_command.empty()) programs.push_back({{"/bin/sh", "-c", options.peer_command}});
    return programs;
}

std::optional<Contender> peer_contender(const PeerProgram& program, const LayerProblem& problem, int threads,
                                        const std::string& simd) {
    if (problem.pass != LayerPass::forward)
        throw UsageError("--peer: a rival in a process of its own times forward of layers");
    if (problem.mode != no_mode) {
        std::cout << "    " << program.command.back() << ": has no word for a mode\n";
        return std::nullopt;
    }
    auto peer = std::make_shared<Peer>(program);
    peer->write("x", problem.x);
    peer->write("weights", problem.weights);
    const auto name = peer->take(work_of(problem.shape) + ending(threads, simd));
    if (!name) return std::nullopt;
    Contender contender = contender_of(peer, *name, threads);
    contender.result = [peer, count = problem.dy.size()] { return peer->result(count); };
    return contender;
}

std::optional<Contender> peer_contender(const PeerProgram& program, const std::string& architecture,
                                        int batch, int threads, NetworkPass pass, const std::string& simd) {
    auto peer = std::make_shared<Peer>(program);
    const auto name = peer->take(fmt::format("network architecture={} batch={} pass={}", architecture, batch,
                                             pass == NetworkPass::inference ? "inference" : "training") +
                                 ending(threads, simd));
    if (!name) return std::nullopt;
    return contender_of(peer, *name, threads);
}

}  // namespace fftconv
