// SPDX-License-Identifier: GPL-2.0-or-later
//
// The file of a manifest, page by page (docs/manifest.md). Every page has 4096 bytes, the last 32
// of which are the SHA-256 of all before them. The first page is the header. Each of the others has
// some runs of chunks and says which chunk comes first, so any chunk can be found by bisection, and
// what is read of a file is known to be whole, wherever it lies.

#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "qcow2stream/manifest.h"

namespace qcow2stream::manifest {

inline constexpr std::size_t kPageSize = 4096;
using Page = std::array<std::byte, kPageSize>;

enum class RunKind : std::uint8_t { kZeros = 0, kData = 1, kInherited = 2 };

// Chunks of one kind that follow each other.
struct Run {
  RunKind kind = RunKind::kZeros;
  std::uint64_t first = 0;
  std::uint64_t count = 0;     // at least one
  std::size_t digests_at = 0;  // where in the page their digests begin; not for zeros
  [[nodiscard]] std::uint64_t end() const { return first + count; }
};

// What is wrong with a page; null where nothing is.
using Problem = const char*;

// Whether its checksum is right; makes it so.
bool is_whole(const Page& page);
void seal(Page& page);

Page encode_header(const ManifestHeader& header);
// The page must be whole.
Problem decode_header(const Page& page, ManifestHeader& header);

// The runs of a page that is whole. It must be page `number`, 1 for the first behind the header.
// Its runs follow each other from `first` on and end at `end` at the latest, so none of their
// numbers wraps. `runs` is replaced.
Problem decode_runs(const Page& page, std::uint64_t number, std::uint64_t first, std::uint64_t end,
                    std::vector<Run>& runs);
// Which chunk comes first in a page of runs.
std::uint64_t first_chunk(const Page& page);
ContentDigest digest_at(const Page& page, const Run& run, std::uint64_t chunk);

// Fills pages with runs.
class PageWriter {
 public:
  // `write` must outlive the writer.
  explicit PageWriter(const ManifestBuilder::Write& write);

  // These follow on those before.
  void append_zeros(std::uint64_t count);
  void append(RunKind kind, const ContentDigest& digest);
  void finish();
  // After that: the number of the page that follows.
  [[nodiscard]] std::uint64_t next_number() const { return number_; }

 private:
  void begin_run(RunKind kind);
  void end_run();
  void end_page();
  [[nodiscard]] std::size_t room() const;

  const ManifestBuilder::Write& write_;
  Page page_{};
  std::uint64_t number_ = 1;
  std::uint64_t first_ = 0;     // chunk of the page
  std::uint64_t position_ = 0;  // the next chunk
  std::size_t used_;            // bytes of the page, up to the runs' end
  // The run that grows.
  bool has_run_ = false;
  RunKind kind_ = RunKind::kZeros;
  std::uint64_t count_ = 0;
  std::size_t run_at_ = 0;
};

}  // namespace qcow2stream::manifest
