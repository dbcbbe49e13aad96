// SPDX-License-Identifier: GPL-2.0-or-later

#include "disk/nbd_connection.h"

#include <fmt/format.h>

#include <string_view>
#include <utility>

#include "base/errors.h"

namespace qcow2stream {
namespace {

using std::chrono::steady_clock;

// How long one nbd_poll() may take, so that the time limit is seen.
constexpr int kPollMilliseconds = 500;

// libnbd says "nbd_connect_uri: reason: more"; the function's name means nothing to our users.
std::string without_function_name(std::string_view text) {
  const std::size_t colon = text.find(": ");
  if (text.starts_with("nbd_") && colon != std::string_view::npos) text.remove_prefix(colon + 2);
  return std::string(text);
}

}  // namespace

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
  if (nbd_aio_connect_uri(handle(), uri.c_str()) != 0) throw_last_error("cannot be opened");
  finish_connecting();
}

void NbdConnection::connect_socket(UniqueFd socket) {
  const std::lock_guard lock(mutex_);
  // The handle owns the socket from here on, also if it fails.
  if (nbd_aio_connect_socket(handle(), socket.release()) != 0) throw_last_error("cannot be opened");
  finish_connecting();
}

void NbdConnection::finish_connecting() {
  run_until([this] {
    if (nbd_aio_is_dead(handle()) > 0 || nbd_aio_is_closed(handle()) > 0) {
      throw_last_error("cannot be opened");
    }
    return nbd_aio_is_ready(handle()) > 0;
  });
}

void NbdConnection::run_until(const std::function<bool()>& done) {
  auto last_answer = steady_clock::now();
  while (!done()) {
    if (is_lost()) throw_lost();
    const int events = nbd_poll(handle(), kPollMilliseconds);
    const auto now = steady_clock::now();
    if (events < 0) {
      // The connection broke. What was in flight has failed with it, which done() is told; libnbd
      // can also be left in a state that it does not call dead (hung up right after the accept).
      if (done()) return;
      close();
      throw_lost();
    }
    if (events > 0) {
      last_answer = now;
    } else if (now - last_answer >= timeout_) {
      close();
      throw Error(ErrorKind::kFailed, name_, "given up",
                  fmt::format("the server has not answered for {} seconds", timeout_.count()));
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
  throw Error(ErrorKind::kFailed, name_, "lost", "the server closed the connection");
}

bool NbdConnection::is_lost() const {
  return handle_ == nullptr || nbd_aio_is_dead(handle()) > 0 || nbd_aio_is_closed(handle()) > 0;
}

void NbdConnection::throw_last_error(const std::string& what_failed) const {
  const char* text = nbd_get_error();
  throw Error(ErrorKind::kFailed, name_, what_failed,
              text != nullptr ? without_function_name(text) : "libnbd does not say why")
      .with_errno(nbd_get_errno());
}

}  // namespace qcow2stream
