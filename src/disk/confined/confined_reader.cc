// SPDX-License-Identifier: GPL-2.0-or-later

#include "disk/confined/confined_reader.h"

#include <utility>

#include "disk/confined/told_error.h"

namespace qcow2stream::confined {

ConfinedReader::ConfinedReader(ConfinedProcess::Setup setup) : process_(std::move(setup)) {
  for (unsigned i = 0; i < process_.channels(); ++i) free_.push_back(i);
}

unsigned ConfinedReader::Loan::take_channel(const ConfinedReader& reader) {
  std::unique_lock lock(reader.mutex_);
  reader.freed_.wait(lock, [&] { return !reader.free_.empty(); });
  const unsigned channel = reader.free_.back();
  reader.free_.pop_back();
  return channel;
}

ConfinedReader::Loan::Loan(const ConfinedReader& reader)
    : reader_(reader), channel_(take_channel(reader)) {}

ConfinedReader::Loan::~Loan() {
  {
    const std::lock_guard lock(reader_.mutex_);
    reader_.free_.push_back(channel_);
  }
  reader_.freed_.notify_one();
}

std::span<const std::byte> ConfinedReader::Loan::ask(Ask what, std::uint64_t begin,
                                                     std::uint64_t length) {
  const ConfinedProcess& process = reader_.process_;
  process.send(channel_, Request{.ask = what, .begin = begin, .length = length});
  const auto answer = process.receive<Answer>(channel_);
  const bool is_sane = answer.protocol == kProtocol && answer.bytes <= kSlotBytes &&
                       (answer.say == Say::kDone || answer.say == Say::kError);
  if (!is_sane) process.refuse_answer();
  const auto bytes = slot().first(answer.bytes);
  if (answer.say == Say::kDone) return bytes;
  const std::vector<std::byte> copy(bytes.begin(), bytes.end());
  const auto error = read_error(copy, process.name());
  if (!error) process.refuse_answer();
  throw Error(*error);
}

std::vector<std::byte> ConfinedReader::Loan::ask_and_copy(Ask what, std::uint64_t begin,
                                                          std::uint64_t length) {
  const auto bytes = ask(what, begin, length);
  return {bytes.begin(), bytes.end()};
}

}  // namespace qcow2stream::confined
