// SPDX-License-Identifier: GPL-2.0-or-later
//
// Our end of the confined program: starts it, and takes what it says.

#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <vector>

#include "disk/confined/protocol.h"
#include "qcow2stream/error.h"
#include "system/fd.h"
#include "system/helper_process.h"

namespace qcow2stream::confined {

// The program, with some channels. Functions may be called by several threads, but each channel
// belongs to one at a time.
class ConfinedProcess {
 public:
  struct Setup {
    std::string program;                         // its path
    std::string name;                            // what messages call the image
    ErrorSubject subject = ErrorSubject::kDisk;  // and what they are about
    Work work = Work::kDisk;
    int file = -1;  // the image, open for reading; of Work::kDisk
    std::uint64_t file_bytes = 0;
    unsigned channels = 1;                // at most kMostChannels
    std::chrono::milliseconds timeout{};  // for each answer; 0: as long as it takes
  };

  // Returns once the program is confined. Throws Error{kFailed} if it cannot be started, or cannot
  // be confined.
  explicit ConfinedProcess(Setup setup);
  ConfinedProcess(const ConfinedProcess&) = delete;
  ConfinedProcess& operator=(const ConfinedProcess&) = delete;

  [[nodiscard]] const std::string& name() const { return setup_.name; }
  [[nodiscard]] unsigned channels() const { return setup_.channels; }
  // The memory of a channel. The program can write to it at any time.
  [[nodiscard]] std::span<std::byte> slot(unsigned channel) const;

  // A message on a channel, whole. They throw Error{kFailed} if the program does not take it, or
  // gives another one or none in time.
  template <class Message>
  void send(unsigned channel, const Message& message) const {
    send_bytes(channel, std::as_bytes(std::span(&message, 1)));
  }
  template <class Message>
  Message receive(unsigned channel) const {
    Message message;
    receive_bytes(sockets_.at(channel).get(), std::as_writable_bytes(std::span(&message, 1)));
    return message;
  }

  // Throws Error{kFailed}, which says that the program is not to be believed. From then on nothing
  // more is said to it.
  [[noreturn]] void refuse_answer() const;
  [[noreturn]] void fail(const std::string& reason) const;

  // Ends what waits for a message, in any thread.
  void give_up() const;

 private:
  struct Unmap {
    std::size_t bytes;
    void operator()(std::byte* begin) const;
  };

  void start();
  void hand_over(int memory, const std::vector<UniqueFd>& sockets) const;
  void check_confined() const;
  void send_bytes(unsigned channel, std::span<const std::byte> message) const;
  void receive_bytes(int socket, std::span<std::byte> message) const;

  const Setup setup_;
  std::unique_ptr<std::byte, Unmap> memory_;
  UniqueFd control_;
  std::unique_ptr<HelperProcess> process_;
  std::vector<UniqueFd> sockets_;
  mutable std::atomic<bool> given_up_ = false;
  mutable std::mutex mutex_;
  mutable std::string why_given_up_;
};

}  // namespace qcow2stream::confined
