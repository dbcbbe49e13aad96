// SPDX-License-Identifier: GPL-2.0-or-later
//
// Makes a listening socket that nobody else can reach and that leaves nothing behind. It gets a
// name in a directory of mode 0700. We connect to it as often as we shall need, since a connection
// waits in its queue until the server accepts it. Then name and directory are removed, before the
// server is even started. If a signal ends us in between, they are removed, too.

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <optional>
#include <utility>

#include "base/errors.h"
#include "disk/nbd/nbd_disk.h"
#include "system/temporary_name.h"

namespace qcow2stream {
namespace {

constexpr const char* kName = "private socket";
constexpr const char* kNoSocket = "takes no private socket; $TMPDIR names another place";

// Where a directory for the socket may be made, the best place first. Some machines have no /tmp,
// or one that cannot be written to, and some file systems take no sockets.
std::vector<std::string> places() {
  std::vector<std::string> all;
  const auto add_from = [&](const char* variable) {
    const char* value = std::getenv(variable);
    if (value != nullptr && *value == '/') all.emplace_back(value);
  };
  add_from("TMPDIR");
  all.emplace_back("/tmp");
  add_from("XDG_RUNTIME_DIR");
  all.insert(all.end(), {"/run", "/dev/shm", "/var/tmp"});
  return all;
}

std::string make_directory(const std::string& place) {
  std::string path = place + "/qcow2-to-stdout.XXXXXX";
  if (::mkdtemp(path.data()) == nullptr) throw system_error(place, kNoSocket, errno);
  return path;
}

UniqueFd new_socket() {
  UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!fd) throw system_error(kName, "socket failed", errno);
  return fd;
}

// Binds the listener in a directory of its own in `place`, and connects to it.
std::vector<UniqueFd> connect_at(const std::string& place, int listener, unsigned count) {
  const TemporaryName directory([&] { return make_directory(place); });
  const std::string path = directory.path() + "/socket";
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) throw system_error(place, kNoSocket, ENAMETOOLONG);
  std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
  const auto* generic = reinterpret_cast<const sockaddr*>(&address);
  const TemporaryName socket([&] {
    if (::bind(listener, generic, sizeof address) != 0) {
      throw system_error(place, kNoSocket, errno);
    }
    return std::string(path);
  });
  if (::listen(listener, static_cast<int>(count)) != 0) {
    throw system_error(kName, "listen failed", errno);
  }
  std::vector<UniqueFd> sockets;
  for (unsigned i = 0; i < count; ++i) {
    sockets.push_back(new_socket());
    if (::connect(sockets.back().get(), generic, sizeof address) != 0) {
      throw system_error(kName, "connect failed", errno);
    }
  }
  return sockets;
}

struct Listening {
  UniqueFd listener;
  std::vector<UniqueFd> sockets;
};

Listening listen_somewhere(unsigned count) {
  std::optional<Error> first;
  for (const std::string& place : places()) {
    UniqueFd listener = new_socket();
    try {
      auto sockets = connect_at(place, listener.get(), count);
      return {.listener = std::move(listener), .sockets = std::move(sockets)};
    } catch (const Error& error) {
      if (!first) first = error;
    }
  }
  throw *first;
}

}  // namespace

PrivateServer start_private_server(std::vector<std::string> command, unsigned count,
                                   bool socket_activation, std::optional<Confinement> confinement,
                                   int file) {
  Listening listening = listen_somewhere(count);
  Child child({.command = std::move(command),
               .descriptor3 = listening.listener.get(),
               .descriptor4 = file,
               .socket_activation = socket_activation,
               .confinement = std::move(confinement)});
  // The listener closes here, so that the connections end if the program does.
  return {.server = {.child = std::move(child)}, .sockets = std::move(listening.sockets)};
}

}  // namespace qcow2stream
