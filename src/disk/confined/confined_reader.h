// SPDX-License-Identifier: GPL-2.0-or-later
//
// Our end of the confined program: starts it, and asks it.

#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <vector>

#include "disk/confined/protocol.h"
#include "system/fd.h"
#include "system/helper_process.h"

namespace qcow2stream::confined {

// The program, with as many channels as it may be asked on at once. Functions may be called by
// several threads.
class ConfinedReader {
 public:
  struct Setup {
    std::string program;  // its path
    std::string name;     // what messages call the image
    int file = -1;        // the image, open for reading
    std::uint64_t file_bytes = 0;
    std::chrono::milliseconds timeout{};
  };

  // Returns once the program is confined. Throws Error{kFailed} if it cannot be started, or cannot
  // be confined.
  explicit ConfinedReader(Setup setup);
  ConfinedReader(const ConfinedReader&) = delete;
  ConfinedReader& operator=(const ConfinedReader&) = delete;

  // A channel that one thread has for a while. Waits until one is free.
  class Loan;

  // Throws Error{kFailed}, which says that the program is not to be believed. From then on it is
  // asked nothing more.
  [[noreturn]] void refuse_answer() const;

 private:
  struct Unmap {
    std::size_t bytes = 0;
    void operator()(std::byte* begin) const;
  };
  struct Channel {
    UniqueFd socket;
    std::span<std::byte> slot;
  };

  void start();
  void hand_over(int control, int memory, const std::vector<UniqueFd>& sockets) const;
  void check_confined() const;
  void receive(int socket, std::span<std::byte> message) const;
  [[noreturn]] void fail(const std::string& reason) const;

  const Setup setup_;
  std::unique_ptr<std::byte, Unmap> memory_;
  UniqueFd control_;
  std::unique_ptr<HelperProcess> process_;
  std::vector<Channel> channels_;
  mutable std::atomic<bool> given_up_ = false;
  mutable std::mutex mutex_;
  mutable std::condition_variable freed_;
  mutable std::vector<const Channel*> free_;  // the one that was used last is at the end
};

class ConfinedReader::Loan {
 public:
  explicit Loan(const ConfinedReader& reader);
  ~Loan();
  Loan(const Loan&) = delete;
  Loan& operator=(const Loan&) = delete;

  // What is to go with the request. The program can write to it at any time.
  [[nodiscard]] std::span<std::byte> slot() const { return channel_->slot; }
  // Returns as much of the slot as is the answer. Throws the Error that the program answers with,
  // or Error{kFailed} if it does not answer, or not sensibly.
  std::span<const std::byte> ask(Ask what, std::uint64_t begin, std::uint64_t length);
  // The same, copied, so that it stays as it is.
  std::vector<std::byte> ask_and_copy(Ask what, std::uint64_t begin, std::uint64_t length);

 private:
  const ConfinedReader& reader_;
  const Channel* channel_;
};

}  // namespace qcow2stream::confined
