// SPDX-License-Identifier: GPL-2.0-or-later
//
// One connection to an NBD server: a libnbd handle, with a time limit on every answer.

#pragma once

#include <libnbd.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "qcow2stream/error.h"
#include "qcow2stream/types.h"
#include "system/fd.h"

namespace qcow2stream {

class Damages;

// Says that a server works, but does not have the metadata context that was required.
class NoSuchContext : public Error {
 public:
  using Error::Error;
};

// Says that a server has not answered for as long as it may.
class ServerFellSilent : public Error {
 public:
  using Error::Error;
};

// A server may let some of several connections wait until another one is gone, and may choose with
// which one it begins. So this puts the first socket that hears of the server in front. It leaves
// the order as it is if the server has hung up on all of them. Throws ServerFellSilent after the
// time limit.
void put_answered_in_front(const std::string& name, std::vector<UniqueFd>& sockets,
                           std::chrono::seconds timeout);

// What a completion callback returns: whether libnbd may forget the command. It must not forget one
// that failed: if that was while it was being sent, since the connection broke, libnbd 1.14 still
// looks at it. Such a command goes with the handle.
inline int may_forget_command(int error) {
  return error == 0 ? 1 : 0;
}

// libnbd's handles are thread-safe, but it is of no use to poll one from two threads. So a thread
// that talks to the server holds the mutex, and the functions below expect that it does.
class NbdConnection {
 public:
  // `name` is what errors call the disk.
  NbdConnection(std::string name, std::chrono::seconds timeout);

  // To be called before connecting. The server must have one of these metadata contexts besides
  // base:allocation; the first one that it has is used. Connecting fails if it has none.
  void require_context(std::vector<std::string> names) { wanted_ = std::move(names); }
  // The one that it has; empty where none was required.
  [[nodiscard]] const std::string& context() const { return context_; }

  // The time limit on every answer from here on.
  void set_timeout(std::chrono::seconds timeout) { timeout_ = timeout; }

  // Both: throw Error{kFailed}, which is ServerFellSilent after the time limit.
  void connect_uri(const std::string& uri);
  void connect_socket(UniqueFd socket);

  [[nodiscard]] std::mutex& mutex() { return mutex_; }
  // Throws Error{kFailed} if the connection has been given up.
  [[nodiscard]] nbd_handle* handle() const;
  [[nodiscard]] const std::string& name() const { return name_; }

  // Lets the connection do its work until done() is true. Throws Error{kFailed} when the server has
  // been silent for the time limit, or the connection is gone and done() will never be true.
  void run_until(const std::function<bool()>& done);

  // Sets who says what is wrong if a request fails. It must outlive the connection.
  void look_for_damage(Damages* damages) { damages_ = damages; }
  // Null before that.
  [[nodiscard]] Damages* damages() const { return damages_; }

  // Throws Error{kFailed} if the server is gone for good. (libnbd's own words would be about
  // states.)
  void check_not_lost() const;

  // Gives the connection up. Nothing that was in flight will be completed. Every later call throws.
  void close();

  [[noreturn]] void throw_lost() const;

  // Throws libnbd's last error in this thread as Error{kFailed}.
  [[noreturn]] void throw_last_error(const std::string& what_failed) const;

 private:
  // What became of one option of the handshake.
  struct OptionReply {
    bool finished = false;
    int error = 0;
    std::string text;  // libnbd's words for it
  };

  void begin_connecting();
  void finish_connecting();
  bool is_connected() const;
  void open_export();
  std::vector<std::string> offered_contexts();
  OptionReply send_option(const std::function<int(nbd_completion_callback)>& send);
  void choose_context(const std::vector<std::string>& offered);

  std::string name_;
  std::chrono::seconds timeout_;
  std::vector<std::string> wanted_;
  std::string context_;
  Damages* damages_ = nullptr;
  bool fell_silent_ = false;
  std::mutex mutex_;
  std::unique_ptr<nbd_handle, decltype(&nbd_close)> handle_;
};

// One more connection, by connect(connection), to a server that takes several. It does not say how
// many: another one may be refused, or have to wait until one of ours is gone (qemu-nbd --shared).
// So the server must answer it soon. Returns null where there is none to be had. `name` and
// `timeout` are those of the first connection.
std::unique_ptr<NbdConnection> connect_once_more(
    const std::string& name, std::chrono::seconds timeout,
    const std::function<void(NbdConnection&)>& connect);

}  // namespace qcow2stream
