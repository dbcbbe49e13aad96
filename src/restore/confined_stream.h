// SPDX-License-Identifier: GPL-2.0-or-later
//
// An image that comes as a stream and is not trusted. We read the stream and take its digests; a
// confined program is handed its bytes and tells what they mean. What it tells lies within the disk
// or ends the restore.

#pragma once

#include <cstdint>
#include <exception>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <vector>

#include "disk/confined/confined_process.h"
#include "qcow2stream/restore.h"
#include "restore/chunk_reader.h"
#include "restore/cover.h"
#include "restore/restored_content.h"
#include "restore/told_stream.h"

namespace qcow2stream {

// Belongs to one thread. Throws Error as Restore does.
class ConfinedStream {
 public:
  // Reads the header, unless the stream is only checked. The image and the options must outlive it.
  ConfinedStream(const StreamedImage& image, const RestoreOptions& options, bool only_check);

  // What the header says; of a stream that is only checked, once it has been read.
  [[nodiscard]] const ToldHeader& header() const { return *header_; }

  [[nodiscard]] BegunImage begun() const;
  // What it says of its content; its own root is there when all has been read.
  [[nodiscard]] std::optional<ImageRoots> roots() const;

  // Reads the rest, and tells `content` what the image holds, in any order. Null: it is only
  // checked. Of a full image each byte of the disk is told once, so that nothing of what was there
  // before stays. Of an increment something may be told twice, or not at all: whoever wrote it
  // decides what it changes.
  void read(RestoredContent* content);

  // What is known of it after that, with its digests. Once.
  RestoredImage finish();
  CheckedImage finish_check();

 private:
  void serve_until(confined::Ask last);
  void take_end(std::span<const std::byte> words);
  [[nodiscard]] std::vector<std::byte> words_of(const confined::Request& request) const;
  void answer(unsigned channel, std::uint64_t bytes) const;
  std::uint64_t next_chunk(std::uint64_t length);
  void take_content(unsigned channel, RestoredContent& content);
  void take(const confined::Request& request, unsigned channel, RestoredContent& content);

  const StreamedImage& image_;
  const bool only_check_;
  ChunkReader chunks_;
  confined::ConfinedProcess process_;
  std::optional<ToldHeader> header_;
  std::optional<ToldEnd> end_;
  std::mutex mutex_;          // of the content, which belongs to one thread at a time
  std::exception_ptr error_;  // the first of those who take the content
  Cover told_;                // of the disk
};

}  // namespace qcow2stream
