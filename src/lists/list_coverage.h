// SPDX-License-Identifier: GPL-2.0-or-later
//
// ListCoverage finds out whether the entries of a list overlap, and what they leave out.
//
// In a list that is sorted each entry is compared with the one before it, which costs nothing. Once
// an entry lies before another, all of them have to be remembered, 16 bytes each, and are sorted at
// the end. What came before it is known only if it was remembered too. A file can simply be read
// again; of a pipe the sorted start is remembered as it comes, neighbours as one run, which makes
// the output of programs that list the whole disk a single one.

#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <string>

#include "lists/list_file.h"
#include "qcow2stream/types.h"

namespace qcow2stream {

class ListCoverage {
 public:
  // How many entries a list may have if it is not sorted. They take 256 MiB of memory.
  static constexpr std::uint64_t kMaxUnsorted = 1 << 24;
  // How many entries may say nothing about the disk. Without a limit a pipe could go on for ever
  // with them.
  static constexpr std::uint64_t kMaxEmpty = 1 << 22;

  // `name` is what messages call the list; it must outlive the object. No range ends after `end`.
  ListCoverage(const std::string& name, GuestOffset end, bool remember)
      : name_(name), limit_(end), remember_(remember) {}

  // Adds `range`, the part of the entry that matters. False if the list turns out not to be sorted
  // and what came before was not remembered: then nothing more can be done with this object. Throws
  // Error{kFailed}: an overlap with the entry before, too many entries that are not sorted or are
  // empty.
  [[nodiscard]] bool add(const ListEntry& entry, GuestRange range);

  struct Covered {
    GuestOffset end;                // of the last range
    std::optional<GuestRange> gap;  // the first one before that
  };
  // To be called when all entries have been added. Throws Error{kFailed} where two overlap.
  [[nodiscard]] Covered finish();

 private:
  // The length takes 39 bits, so that a run costs 16 bytes; longer ones are cut into pieces.
  static constexpr unsigned kLengthBits = 39;
  static constexpr std::uint64_t kMaxPiece = 1ULL << (kLengthBits - 1);
  // In place of the number of an entry: the run consists of any number of entries that were sorted.
  static constexpr std::uint64_t kSortedStart = 0;

  struct Run {
    GuestOffset begin;
    std::uint64_t length_and_entry = 0;

    [[nodiscard]] std::uint64_t length() const {
      return length_and_entry & ((1ULL << kLengthBits) - 1);
    }
    [[nodiscard]] std::uint64_t entry() const { return length_and_entry >> kLengthBits; }
    [[nodiscard]] GuestOffset end() const { return begin + length(); }
  };
  static_assert(sizeof(Run) == 16 && kMaxUnsorted < 1ULL << (64 - kLengthBits));

  void remember(GuestRange range, std::uint64_t entry);
  void note(GuestRange range);
  void check_all();
  [[noreturn]] void refuse_overlap(const Run& a, const Run& b) const;

  const std::string& name_;
  GuestOffset limit_;
  bool remember_;
  bool sorted_ = true;
  GuestOffset last_begin_;
  std::uint64_t empty_ = 0;
  Covered covered_;
  std::uint64_t total_ = 0;  // bytes of all ranges together
  std::deque<Run> runs_;     // a vector would need as much again while it grows
};

}  // namespace qcow2stream
