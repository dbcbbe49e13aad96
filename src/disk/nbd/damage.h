// SPDX-License-Identifier: GPL-2.0-or-later
//
// Finds out what is wrong if a server refuses a request. NBD has one error number for the whole
// request. Where in it the damage lies is found by asking for parts of it. The reason is in what
// the server writes to its standard error, if it is a program of ours.

#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include "disk/nbd/connection.h"
#include "disk/nbd/queue.h"
#include "qcow2stream/types.h"
#include "system/child.h"

namespace qcow2stream {

class NbdDisk;

enum class NbdRequest { kRead, kStatus };

// A program that we have started to serve a disk.
struct OwnServer {
  Child child;
  // Find in its output why a request has failed, and of what it warned before it began to serve.
  // Without the first one the reason is the last line; without the second one warnings do not
  // matter.
  std::function<std::string(const std::string& output)> reason{};
  std::function<std::string(const std::string& output)> warnings{};
  // Opens the same disk with a new process of the same program, for a server that does not answer
  // any more once it has met damage. Empty if there cannot be another process.
  std::function<std::shared_ptr<const NbdDisk>()> another{};
};

// The first place of `range` that the server does not answer. The server is known not to answer the
// range as a whole, and `answered` tells how far it answers a range from its beginning on. The
// place is exact to `unit` bytes, a power of two. If that takes longer than a few seconds, it is
// the last place before which all is known to be well.
GuestOffset first_unanswered(GuestRange range, std::uint64_t unit,
                             const std::function<GuestOffset(GuestRange)>& answered);

// How far the server answers such requests for `range` from its beginning on. That is the end of
// the range if all is well. A connection that breaks answers nothing.
GuestOffset answered_by(NbdConnection& connection, const NbdLimits& limits, NbdRequest request,
                        GuestRange range);

// As much of the end of what a program has said as a message has room for.
std::string end_of_words(const std::string& words);

// The last line of what a program has said that is not for its own developers, as those are that
// nbdkit writes with --verbose; or the very last line. As much as a message has room for.
std::string last_words(std::string_view output);

struct Damage {
  GuestOffset offset;    // where it begins
  std::string reason;    // in the server's words, or the system's
  bool is_read = false;  // whether that place can be read, whatever else fails there
};

// Belongs to a disk and goes with it. Several threads may call the functions.
class Damages {
 public:
  Damages(const NbdDisk& disk, std::optional<OwnServer> server);

  // To be called after a request for `range` has failed with this error number. May take a few
  // seconds.
  Damage look_for(NbdRequest request, GuestRange range, int error);
  // What our server has said since it began to serve; empty where it said nothing.
  [[nodiscard]] std::string words() const;

 private:
  std::optional<Damage> ask_another(NbdRequest request, GuestRange range);
  [[nodiscard]] std::string reason(int error) const;

  const NbdDisk& disk_;
  std::optional<OwnServer> server_;
  std::uint64_t said_before_ = 0;  // bytes of its output before it began to serve
  std::mutex mutex_;
  std::optional<Damage>
      end_of_server_;  // the damage after which the server does not answer any more
};

}  // namespace qcow2stream
