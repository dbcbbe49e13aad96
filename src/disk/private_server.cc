// SPDX-License-Identifier: GPL-2.0-or-later
//
// A listening socket that nobody else can reach and that leaves nothing behind: it gets a name in a
// directory of mode 0700, is connected to as often as we shall need (a connection waits in its
// queue until the server accepts it), and loses name and directory before the server is even
// started.

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <utility>

#include "base/errors.h"
#include "disk/nbd_disk.h"

namespace qcow2stream {
namespace {

constexpr const char* kName = "private socket";

class SignalsBlocked {
 public:
  SignalsBlocked() {
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, &before_);
  }
  ~SignalsBlocked() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }
  SignalsBlocked(const SignalsBlocked&) = delete;
  SignalsBlocked& operator=(const SignalsBlocked&) = delete;

 private:
  sigset_t before_{};
};

class TemporaryDirectory {
 public:
  TemporaryDirectory() {
    // The path of a socket is short: sun_path has 108 bytes.
    if (::mkdtemp(path_.data()) == nullptr) throw system_error(path_, "mkdtemp failed", errno);
  }
  ~TemporaryDirectory() {
    ::unlink(socket_path().c_str());
    ::rmdir(path_.c_str());
  }
  TemporaryDirectory(const TemporaryDirectory&) = delete;
  TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;

  [[nodiscard]] std::string socket_path() const { return path_ + "/socket"; }

 private:
  std::string path_ = "/tmp/qcow2-to-stdout.XXXXXX";
};

UniqueFd new_socket() {
  UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!fd) throw system_error(kName, "socket failed", errno);
  return fd;
}

}  // namespace

PrivateServer start_private_server(std::vector<std::string> command, unsigned count,
                                   bool socket_activation, std::optional<Confinement> confinement) {
  const UniqueFd listener = new_socket();
  std::vector<UniqueFd> sockets;
  {
    // A signal that ends us now would leave the name behind; it waits for the few microseconds.
    const SignalsBlocked blocked;
    const TemporaryDirectory directory;
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    const std::string path = directory.socket_path();
    std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
    const auto* generic = reinterpret_cast<const sockaddr*>(&address);
    if (::bind(listener.get(), generic, sizeof address) != 0 ||
        ::listen(listener.get(), static_cast<int>(count)) != 0) {
      throw system_error(kName, "bind failed", errno);
    }
    for (unsigned i = 0; i < count; ++i) {
      sockets.push_back(new_socket());
      if (::connect(sockets.back().get(), generic, sizeof address) != 0) {
        throw system_error(kName, "connect failed", errno);
      }
    }
  }
  Child child({.command = std::move(command),
               .descriptor3 = listener.get(),
               .socket_activation = socket_activation,
               .confinement = std::move(confinement)});
  // The listener closes here: if the program ends, so do the connections.
  return {std::move(child), std::move(sockets)};
}

}  // namespace qcow2stream
