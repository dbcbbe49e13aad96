// SPDX-License-Identifier: GPL-2.0-or-later
//
// What is wrong where a server refuses a request. NBD has an error number for the whole request;
// where in it the damage lies is found by asking for parts of it, and the reason is in what the
// server writes to its standard error, if it is a program of ours.

#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

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
  // What its output says: why a request has failed (empty: its last line), and what it warned of
  // before it began to serve (empty: nothing that matters).
  std::function<std::string(const std::string& output)> reason{};
  std::function<std::string(const std::string& output)> warnings{};
  // The same disk from a new process of the same program, for a server that answers nothing any
  // more once it has met damage. Empty: there is only the one.
  std::function<std::shared_ptr<const NbdDisk>()> another{};
};

// The first place of `range`, which is known not to be answered as a whole, that is not answered:
// `answered` tells how far a range is answered from its beginning on. Exact to `unit` bytes, a
// power of two, unless it takes longer than a few seconds; then it is the last place before which
// all is well.
GuestOffset first_unanswered(GuestRange range, std::uint64_t unit,
                             const std::function<GuestOffset(GuestRange)>& answered);

// How far the server answers such requests for `range` from its beginning on: its end, if all is
// well. A connection that breaks answers nothing.
GuestOffset answered_by(NbdConnection& connection, const NbdLimits& limits, NbdRequest request,
                        GuestRange range);

// The end of what a program has said, as much as a message has room for.
std::string end_of_words(const std::string& words);

struct Damage {
  GuestOffset offset;    // where it begins
  std::string reason;    // in the server's words, or the system's
  bool is_read = false;  // reading it works, whatever else does not
};

// Belongs to a disk, and outlives no part of it. All functions may be called by several threads.
class Damages {
 public:
  Damages(const NbdDisk& disk, std::optional<OwnServer> server);

  // After a request for `range` has failed with this error number. May take a few seconds.
  Damage look_for(NbdRequest request, GuestRange range, int error);
  // What our server has said since it began to serve; empty where it said nothing.
  [[nodiscard]] std::string words() const;

 private:
  std::optional<Damage> ask_another(NbdRequest request, GuestRange range);
  [[nodiscard]] std::string reason(int error) const;

  const NbdDisk& disk_;
  std::optional<OwnServer> server_;
  std::uint64_t said_before_ = 0;  // bytes of its output
  std::mutex mutex_;
  std::optional<Damage> end_of_server_;  // after which it answers nothing any more
};

}  // namespace qcow2stream
