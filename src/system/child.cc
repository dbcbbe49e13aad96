// SPDX-License-Identifier: GPL-2.0-or-later

#include "system/child.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <span>
#include <sstream>
#include <string_view>
#include <system_error>

#include "base/errors.h"
#include "system/descriptor_number.h"
#include "system/fd.h"
#include "system/io.h"

namespace qcow2stream {
namespace {

// How much is kept of the output of a program that is run to its end.
constexpr std::size_t kMostOutput = 1U << 20;
constexpr int kSocketActivationFd = 3;  // SD_LISTEN_FDS_START
constexpr int kFileFd = 4;
static_assert(kFileFd < kFirstAboveChild);

std::vector<char*> pointers(std::vector<std::string>& words) {
  std::vector<char*> list;
  list.reserve(words.size() + 1);
  for (std::string& word : words) list.push_back(word.data());
  list.push_back(nullptr);
  return list;
}

// Looks up a program like execvp(). What is found first is taken, even if it is refused when it is
// executed. Empty if there is none.
std::string find_program(const std::string& name) {
  if (name.find('/') != std::string::npos) return ::access(name.c_str(), F_OK) == 0 ? name : "";
  const char* path = ::getenv("PATH");
  std::istringstream directories(path != nullptr ? path : "/bin:/usr/bin");
  for (std::string directory; std::getline(directories, directory, ':');) {
    std::string file = (directory.empty() ? "." : directory) + "/" + name;
    struct stat status {};
    if (::access(file.c_str(), X_OK) == 0 && ::stat(file.c_str(), &status) == 0 &&
        S_ISREG(status.st_mode)) {
      return file;
    }
  }
  return "";
}

// All that the child needs between fork and exec. It is made before, since only system calls are
// allowed there.
struct Prepared {
  std::vector<std::string> words;
  std::vector<std::string> environment;
  std::vector<char*> argv;
  std::vector<char*> envp;
  std::string* listen_pid = nullptr;
  int descriptor3 = -1;
  int descriptor4 = -1;
  int output = -1;
  int input = -1;
  int error_pipe = -1;
  pid_t parent = -1;
  std::optional<ReadyConfinement> confinement;
};

// What a child tells us if it could not be started.
struct StartFailure {
  int error = 0;
  bool is_confinement = false;
};

// Room for any process number behind the '='.
constexpr std::string_view kListenPid = "LISTEN_PID=";
constexpr std::size_t kPidDigits = 12;

Prepared prepare(const ChildSetup& setup) {
  Prepared p;
  p.words = setup.command;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string_view text(*entry);
    if (!text.starts_with("LISTEN_")) p.environment.emplace_back(text);
  }
  if (setup.socket_activation) {
    p.environment.emplace_back("LISTEN_FDS=1");
    p.environment.emplace_back(std::string(kListenPid) + std::string(kPidDigits, '\0'));
    p.listen_pid = &p.environment.back();
  }
  p.parent = ::getpid();
  if (setup.confinement) {
    p.words.front() = find_program(setup.command.front());
    if (p.words.front().empty()) throw NoSuchProgram(setup.command.front());
    p.confinement.emplace(*setup.confinement, p.words.front());
  }
  p.argv = pointers(p.words);
  p.envp = pointers(p.environment);
  return p;
}

void write_pid(std::string& variable, pid_t pid) {
  std::array<char, kPidDigits> digits{};
  std::size_t n = 0;
  for (; pid > 0; pid /= 10) digits[n++] = static_cast<char>('0' + pid % 10);
  char* out = variable.data() + kListenPid.size();
  while (n > 0) *out++ = digits[--n];
}

[[noreturn]] void run_child(Prepared& p) {
  const auto fail = [&](bool is_confinement = false) {
    const StartFailure failure{errno, is_confinement};
    static_cast<void>(!::write(p.error_pipe, &failure, sizeof failure));
    ::_exit(127);
  };
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != p.parent) ::_exit(127);  // the parent died before the line above
  ::dup2(p.input, STDIN_FILENO);
  ::dup2(p.output, STDOUT_FILENO);
  ::dup2(p.output, STDERR_FILENO);
  if (p.descriptor3 >= 0 && ::dup2(p.descriptor3, kSocketActivationFd) < 0) fail();
  if (p.descriptor4 >= 0 && ::dup2(p.descriptor4, kFileFd) < 0) fail();
  for (const int signal : {SIGPIPE, SIGXFSZ, SIGINT, SIGTERM, SIGHUP}) ::signal(signal, SIG_DFL);
  sigset_t none;
  sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  if (p.listen_pid != nullptr) write_pid(*p.listen_pid, ::getpid());
  unsigned first_closed = kSocketActivationFd;
  if (p.descriptor3 >= 0) first_closed = kSocketActivationFd + 1;
  if (p.descriptor4 >= 0) first_closed = kFileFd + 1;
  if (p.confinement && !p.confinement->enter(first_closed)) fail(true);
  ::execvpe(p.argv[0], p.argv.data(), p.envp.data());
  fail();
  ::_exit(127);
}

// An input that is at its end. Not every machine has a /dev/null.
UniqueFd nothing_to_read() {
  UniqueFd null(::open("/dev/null", O_RDWR | O_CLOEXEC));
  return null ? std::move(null) : UniqueFd(::memfd_create("nothing", MFD_CLOEXEC));
}

}  // namespace

NoSuchProgram::NoSuchProgram(const std::string& program)
    : Error(system_error(program, "cannot be started", ENOENT)) {}

Child::Child(const ChildSetup& setup) : name_(setup.command.front()) {
  Prepared p = prepare(setup);
  try {
    output_ = std::make_unique<ChildOutput>(setup.most_output);
  } catch (const std::system_error& error) {
    throw system_error(name_, "cannot be started", error.code().value());
  }
  const UniqueFd input = moved_up(nothing_to_read(), kFirstAboveChild);
  std::array<int, 2> pipe{};
  if (!input || ::pipe2(pipe.data(), O_CLOEXEC) != 0) {
    throw system_error(name_, "cannot be started", errno);
  }
  const UniqueFd read_end = moved_up(UniqueFd(pipe[0]), kFirstAboveChild);
  UniqueFd write_end = moved_up(UniqueFd(pipe[1]), kFirstAboveChild);
  const UniqueFd third = copied_up(setup.descriptor3, kFirstAboveChild);
  const UniqueFd fourth = copied_up(setup.descriptor4, kFirstAboveChild);
  if (!read_end || !write_end || (!third && setup.descriptor3 >= 0) ||
      (!fourth && setup.descriptor4 >= 0))
    throw system_error(name_, "cannot be started", errno);
  p.descriptor3 = third.get();
  p.descriptor4 = fourth.get();
  p.output = output_->write_end();
  p.input = input.get();
  p.error_pipe = write_end.get();
  pid_ = ::fork();
  if (pid_ < 0) throw system_error(name_, "cannot be started", errno);
  if (pid_ == 0) run_child(p);
  write_end = UniqueFd();
  output_->close_write_end();
  StartFailure failure;
  const Moved told = read_full(read_end.get(), std::as_writable_bytes(std::span(&failure, 1)));
  if (told.bytes < sizeof failure) return;
  wait();
  if (failure.is_confinement) {
    refuse_confinement(setup.confinement->file, kNeedsFilters, failure.error);
  }
  if (failure.error != ENOENT) throw system_error(name_, "cannot be started", failure.error);
  if (find_program(name_).empty()) throw NoSuchProgram(name_);
  throw Error(ErrorKind::kFailed, name_, "cannot be started",
              "its loader or interpreter is missing");
}

Child::~Child() {
  if (pid_ <= 0) return;
  ::kill(pid_, SIGKILL);
  wait();
}

int Child::wait() {
  int status = 0;
  uninterrupted([&] { return ::waitpid(pid_, &status, 0); });
  pid_ = -1;
  return status;
}

std::string Child::output(std::uint64_t from) const {
  std::string text = output_->text(from);
  while (text.ends_with('\n')) text.pop_back();
  return text;
}

std::string run_to_end(ChildSetup setup) {
  setup.most_output = kMostOutput;
  const std::string program = setup.command.front();
  Child child(setup);
  const int status = child.wait();
  std::string output = child.output();
  if (WIFSIGNALED(status)) {
    output += fmt::format("\n{}: ended by signal {} ({})", program, WTERMSIG(status),
                          ::sigdescr_np(WTERMSIG(status)));
  }
  return output;
}

}  // namespace qcow2stream
