// SPDX-License-Identifier: GPL-2.0-or-later

#include "disk/nbd/connection.h"

#include <fmt/format.h>
#include <poll.h>

#include <algorithm>
#include <string_view>
#include <utility>

#include "base/errors.h"
#include "disk/nbd/context.h"
#include "disk/nbd/damage.h"
#include "disk/nbd/tls.h"
#include "qcow2stream/error.h"
#include "system/tell.h"

namespace qcow2stream {
namespace {

// How long one nbd_poll() may take, so that the time limit is seen.
constexpr std::chrono::milliseconds kPollTime{500};

// How long a server may be silent that is asked for one more connection. Those that are there do
// the work as well.
constexpr std::chrono::seconds kTimeForOneMore{3};

// libnbd says "nbd_connect_uri: reason: more"; the function's name means nothing to our users.
std::string without_function_name(std::string_view text) {
  const std::size_t colon = text.find(": ");
  if (text.starts_with("nbd_") && colon != std::string_view::npos) text.remove_prefix(colon + 2);
  return std::string(text);
}

[[noreturn]] void throw_silent(const std::string& name, std::chrono::seconds timeout) {
  throw ServerFellSilent(
      ErrorKind::kFailed, name, "given up",
      fmt::format("the server has not answered for {} seconds", timeout.count()));
}

}  // namespace

void put_answered_in_front(const std::string& name, std::vector<UniqueFd>& sockets,
                           std::chrono::seconds timeout) {
  std::vector<pollfd> polled;
  polled.reserve(sockets.size());
  for (const UniqueFd& socket : sockets) {
    polled.push_back({.fd = socket.get(), .events = POLLIN, .revents = 0});
  }
  for (std::chrono::milliseconds silence{0}; silence < timeout; silence += kPollTime) {
    if (::poll(polled.data(), polled.size(), static_cast<int>(kPollTime.count())) <= 0) continue;
    const auto answered = std::ranges::find(polled, POLLIN, &pollfd::revents);
    if (answered != polled.end()) {
      std::swap(sockets.front(), sockets[static_cast<std::size_t>(answered - polled.begin())]);
      return;
    }
    // The server may have taken only one connection, and not have said anything yet.
    for (pollfd& p : polled) {
      if (p.revents != 0) p.fd = -1;
    }
    if (std::ranges::all_of(polled, [](const pollfd& p) { return p.fd < 0; })) return;
  }
  throw_silent(name, timeout);
}

NbdConnection::NbdConnection(std::string name, std::chrono::seconds timeout)
    : name_(std::move(name)), timeout_(timeout), handle_(nbd_create(), &nbd_close) {
  if (handle_ == nullptr) throw_last_error("cannot be opened");
  nbd_set_uri_allow_local_file(handle(), true);  // certificates and keys that the URI names
  // No zeros in each buffer before it is read into: they took 0.6 s for each 4.4 GiB. NbdQueue sees
  // to it that all bytes arrive.
  nbd_set_pread_initialize(handle(), false);
  if (nbd_add_meta_context(handle(), LIBNBD_CONTEXT_BASE_ALLOCATION) != 0) {
    throw_last_error("cannot be opened");
  }
}

void NbdConnection::connect_uri(const std::string& uri) {
  const std::lock_guard lock(mutex_);
  begin_connecting();
  set_up_tls(handle(), uri);
  if (nbd_aio_connect_uri(handle(), uri.c_str()) != 0) throw_last_error("cannot be opened");
  finish_connecting();
}

void NbdConnection::connect_socket(UniqueFd socket) {
  const std::lock_guard lock(mutex_);
  begin_connecting();
  // The handle owns the socket from here on, also if it fails.
  if (nbd_aio_connect_socket(handle(), socket.release()) != 0) throw_last_error("cannot be opened");
  finish_connecting();
}

void NbdConnection::begin_connecting() {
  // Before the export is opened the server can be asked which contexts it has.
  if (!wanted_.empty()) nbd_set_opt_mode(handle(), true);
}

void NbdConnection::finish_connecting() {
  run_until([this] { return is_connected(); });
  if (wanted_.empty()) return;
  std::vector<std::string> offered;
  // A server of the old style goes without a handshake.
  if (nbd_aio_is_negotiating(handle()) > 0) {
    offered = offered_contexts();
    open_export();
  }
  choose_context(offered);
}

// Whether the connection is ready, or the handshake waits for what we want, if we asked it to.
// Throws if the server hung up.
bool NbdConnection::is_connected() const {
  if (nbd_aio_is_dead(handle()) > 0 || nbd_aio_is_closed(handle()) > 0) {
    throw_last_error("cannot be opened");
  }
  return nbd_aio_is_ready(handle()) > 0 || nbd_aio_is_negotiating(handle()) > 0;
}

// The names of all contexts that the server has. None if it does not know the question.
std::vector<std::string> NbdConnection::offered_contexts() {
  std::vector<std::string> names;
  const auto take = [](void* user_data, const char* name) {
    static_cast<std::vector<std::string>*>(user_data)->emplace_back(name);
    return 0;
  };
  const nbd_context_callback context{.callback = take, .user_data = &names, .free = nullptr};
  nbd_clear_meta_contexts(handle());
  send_option([&](nbd_completion_callback done) {
    return nbd_aio_opt_list_meta_context(handle(), context, done);
  });
  return names;
}

void NbdConnection::open_export() {
  nbd_clear_meta_contexts(handle());
  nbd_add_meta_context(handle(), LIBNBD_CONTEXT_BASE_ALLOCATION);
  for (const std::string& name : wanted_) nbd_add_meta_context(handle(), name.c_str());
  const OptionReply reply =
      send_option([this](nbd_completion_callback done) { return nbd_aio_opt_go(handle(), done); });
  if (reply.error != 0) {
    throw Error(ErrorKind::kFailed, name_, "cannot be opened", reply.text).with_errno(reply.error);
  }
  run_until([this] { return is_connected(); });
}

NbdConnection::OptionReply NbdConnection::send_option(
    const std::function<int(nbd_completion_callback)>& send) {
  OptionReply reply;
  // NOLINTNEXTLINE(readability-non-const-parameter): libnbd's signature
  const auto complete = [](void* user_data, int* error) {
    auto* to = static_cast<OptionReply*>(user_data);
    const char* text = nbd_get_error();
    *to = {.finished = true, .error = *error, .text = text != nullptr ? text : ""};
    return 1;  // libnbd may forget the option
  };
  if (send({.callback = complete, .user_data = &reply, .free = nullptr}) != 0) {
    reply = {.finished = true, .error = nbd_get_errno(), .text = nbd_get_error()};
  }
  try {
    run_until([&] { return reply.finished; });
  } catch (const Error&) {
    close();  // libnbd must not call back into `reply` anymore
    throw;
  }
  reply.text = without_function_name(reply.text);
  return reply;
}

void NbdConnection::choose_context(const std::vector<std::string>& offered) {
  for (const std::string& name : wanted_) {
    if (nbd_can_meta_context(handle(), name.c_str()) <= 0) continue;
    context_ = name;
    return;
  }
  const std::string& wanted = wanted_.back();
  const std::string what_failed =
      wanted.starts_with(kDirtyBitmapPrefix)
          ? fmt::format("has no dirty bitmap '{}'", wanted.substr(kDirtyBitmapPrefix.size()))
          : fmt::format("has no metadata context '{}'", wanted);
  const bool tells_nothing = nbd_get_structured_replies_negotiated(handle()) <= 0;
  throw NoSuchContext(
      ErrorKind::kFailed, name_, what_failed,
      tells_nothing ? "the server knows no metadata contexts" : list_bitmaps(offered));
}

void NbdConnection::run_until(const std::function<bool()>& done) {
  // The time is counted in polls. A clock would go on while the process, or all of it and its
  // server, is stopped.
  std::chrono::milliseconds silence{0};
  while (!done()) {
    check_not_lost();
    const int events = nbd_poll(handle(), static_cast<int>(kPollTime.count()));
    if (events < 0) {
      // The connection broke. What was in flight has failed with it, which done() is told; libnbd
      // can also be left in a state that it does not call dead (hung up right after the accept).
      if (done()) return;
      close();
      throw_lost();
    }
    if (events > 0) {
      silence = std::chrono::milliseconds::zero();
      continue;
    }
    silence += kPollTime;
    if (silence >= timeout_) {
      close();
      fell_silent_ = true;
      throw_silent(name_, timeout_);
    }
  }
}

void NbdConnection::close() {
  handle_.reset();
}

nbd_handle* NbdConnection::handle() const {
  if (handle_ == nullptr) {
    throw_lost();
  }
  return handle_.get();
}

void NbdConnection::throw_lost() const {
  // The first error may have been caught by a caller who did without an answer.
  if (fell_silent_) throw_silent(name_, timeout_);
  const std::string words = damages_ != nullptr ? damages_->words() : "";
  throw Error(ErrorKind::kFailed, name_, "lost",
              "the server closed the connection" + (words.empty() ? "" : ": " + words));
}

void NbdConnection::check_not_lost() const {
  if (nbd_aio_is_dead(handle()) > 0 || nbd_aio_is_closed(handle()) > 0) throw_lost();
}

void NbdConnection::throw_last_error(const std::string& what_failed) const {
  const char* text = nbd_get_error();
  throw Error(
      ErrorKind::kFailed, name_, what_failed,
      text != nullptr ? explain_tls(without_function_name(text)) : "libnbd does not say why")
      .with_errno(nbd_get_errno());
}

std::unique_ptr<NbdConnection> connect_once_more(
    const std::string& name, std::chrono::seconds timeout,
    const std::function<void(NbdConnection&)>& connect) {
  auto connection = std::make_unique<NbdConnection>(name, std::min(timeout, kTimeForOneMore));
  try {
    connect(*connection);
  } catch (const Error& error) {
    tell(name, "another connection", error.reason(), "those that are there are used");
    return nullptr;
  }
  connection->set_timeout(timeout);
  return connection;
}

}  // namespace qcow2stream
