// SPDX-License-Identifier: GPL-2.0-or-later
//
// A listening socket that nobody else can reach and that leaves nothing behind: it gets a name in a
// directory of mode 0700, is connected to as often as we shall need (a connection waits in its
// queue until the server accepts it), and loses name and directory before the server is even
// started. A signal that ends us in between takes them away, too.

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <utility>

#include "base/errors.h"
#include "disk/nbd/nbd_disk.h"
#include "system/temporary_name.h"

namespace qcow2stream {
namespace {

constexpr const char* kName = "private socket";

// The path of a socket is short: sun_path has 108 bytes.
std::string make_directory() {
  std::string path = "/tmp/qcow2-to-stdout.XXXXXX";
  if (::mkdtemp(path.data()) == nullptr) throw system_error(path, "mkdtemp failed", errno);
  return path;
}

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
    const TemporaryName directory(make_directory);
    const std::string path = directory.path() + "/socket";
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
    const auto* generic = reinterpret_cast<const sockaddr*>(&address);
    const TemporaryName socket([&] {
      if (::bind(listener.get(), generic, sizeof address) != 0) {
        throw system_error(kName, "bind failed", errno);
      }
      return std::string(path);
    });
    if (::listen(listener.get(), static_cast<int>(count)) != 0) {
      throw system_error(kName, "listen failed", errno);
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
  return {.server = {.child = std::move(child)}, .sockets = std::move(sockets)};
}

}  // namespace qcow2stream
