// SPDX-License-Identifier: GPL-2.0-or-later
//
// Asks the confined program about a disk.

#pragma once

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <span>
#include <vector>

#include "disk/confined/confined_process.h"
#include "disk/confined/protocol.h"

namespace qcow2stream::confined {

// May be asked by as many threads at once as there are channels. The others wait.
class ConfinedReader {
 public:
  explicit ConfinedReader(ConfinedProcess::Setup setup);
  ConfinedReader(const ConfinedReader&) = delete;
  ConfinedReader& operator=(const ConfinedReader&) = delete;

  // A channel that one thread has for a while.
  class Loan;

  // Throws Error{kFailed}, which says that the program is not to be believed. From then on it is
  // asked nothing more.
  [[noreturn]] void refuse_answer() const { process_.refuse_answer(); }

 private:
  const ConfinedProcess process_;
  mutable std::mutex mutex_;
  mutable std::condition_variable freed_;
  mutable std::vector<unsigned> free_;  // the one that was used last is at the end
};

class ConfinedReader::Loan {
 public:
  explicit Loan(const ConfinedReader& reader);
  ~Loan();
  Loan(const Loan&) = delete;
  Loan& operator=(const Loan&) = delete;

  // What is to go with the request. The program can write to it at any time.
  [[nodiscard]] std::span<std::byte> slot() const { return reader_.process_.slot(channel_); }
  // Returns as much of the slot as is the answer. Throws the Error that the program answers with,
  // or Error{kFailed} if it does not answer, or not sensibly.
  std::span<const std::byte> ask(Ask what, std::uint64_t begin, std::uint64_t length);
  // The same, copied, so that it stays as it is.
  std::vector<std::byte> ask_and_copy(Ask what, std::uint64_t begin, std::uint64_t length);

 private:
  // Waits until one is free.
  static unsigned take_channel(const ConfinedReader& reader);

  const ConfinedReader& reader_;
  const unsigned channel_;
};

}  // namespace qcow2stream::confined
