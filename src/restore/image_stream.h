// SPDX-License-Identifier: GPL-2.0-or-later
//
// Takes a qcow2 image apart while it arrives.
//
// A stream is gone through from one end to the other. What is known to be needed of it by then is
// used as it comes: tables say what their clusters are for, and often stand in front of them. What
// comes before it is known whether anything refers to it is kept (EarlyBytes) until the last table
// has arrived. What nothing refers to is dropped.

#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "qcow2/header.h"
#include "qcow2stream/compression.h"
#include "qcow2stream/restore.h"
#include "restore/chunk_reader.h"
#include "restore/early_bytes.h"
#include "restore/image_tables.h"
#include "restore/own_root.h"
#include "restore/reference_counts.h"
#include "restore/references.h"
#include "restore/restored_content.h"

namespace qcow2stream {

// Belongs to one thread. Throws Error as Restore does.
class ImageStream {
 public:
  // Reads the header. The image, which may not be changed meanwhile, and the options must outlive
  // it.
  ImageStream(const StreamedImage& image, const RestoreOptions& options);

  // With the size that its disk has, a multiple of 512.
  [[nodiscard]] const qcow2::Header& header() const { return header_; }

  [[nodiscard]] CompressionType compression_type() const;
  [[nodiscard]] BegunImage begun() const;

  // What it says of its content; its own root is there when all has been read.
  [[nodiscard]] const OwnRoot& own_root() const { return own_root_; }

  // Reads the rest and tells `content` what the image holds. `counts`, if given, gets to know who
  // refers to what.
  void read(RestoredContent& content, ReferenceCounts* counts);

  // What is known of the image after that, with its digests. Once.
  RestoredImage finish();

  // Fills `buffer` with what the image has at `at`, after it has been read with `counts`. It must
  // be no data of the disk, and lie in the image. Returns false if it was not kept. Throws Error.
  [[nodiscard]] bool read_again(HostOffset at, std::span<std::byte> buffer) const;

 private:
  // A reference whose bytes are arriving.
  struct Arriving {
    Reference reference;
    HostOffset next;                  // what comes next of it
    std::vector<std::byte> gathered;  // what cannot be used before more comes
    std::vector<GuestOffset> also;    // other clusters that have the same compressed data
  };

  void read_header();
  void check_header() const;
  void refer(const Reference& reference);
  void count(const Reference& reference) const;
  SharedBytes next_chunk();
  void sweep(const SharedBytes& chunk);
  void begin_references();
  bool join_same_blob(const Reference& reference);
  void check_memory(std::uint64_t more) const;
  void check_gathered(std::uint64_t bytes) const;
  [[nodiscard]] static HostOffset head_end_of(const Reference& reference);
  [[nodiscard]] static HostOffset tail_of(const Reference& reference);
  [[nodiscard]] HostOffset next_stop(const Reference& reference) const;
  void use(Arriving& arriving, const SharedBytes& bytes);
  void use_table(Arriving& arriving, std::span<const std::byte> bytes);
  void read_table(Arriving& arriving, std::span<const std::byte> bytes);
  void end_blob(Arriving& arriving);
  void use_counts(Arriving& arriving, std::span<const std::byte> bytes);
  void keep(const SharedBytes& bytes);
  void keep_for_counts(const SharedBytes& bytes);
  void take_early(const Reference& reference);
  [[nodiscard]] bool salvages() const { return options_.lost != nullptr; }
  void lose(const Reference& reference, HostOffset from, const std::string& reason);
  [[nodiscard]] std::optional<std::string> why_it_never_comes(const Reference& reference) const;
  [[nodiscard]] bool is_needed(const Reference& reference) const;
  void check_length() const;
  [[nodiscard]] bool is_whole(std::span<const std::byte> bytes) const;
  void end_arriving(Arriving& arriving);
  void cut_off(const Reference& reference, HostOffset from);
  void check_end();
  [[noreturn]] void throw_too_late(HostOffset at) const;
  [[noreturn]] void throw_no_room(std::uint64_t more) const;

  const StreamedImage& image_;
  const RestoreOptions& options_;
  ChunkReader chunks_;
  SharedBytes first_chunk_;
  qcow2::Header header_;
  OwnRoot own_root_;
  EarlyBytes early_;
  std::optional<EarlyBytes> for_counts_;  // what only snapshots and bitmaps may refer to
  std::deque<HostRange> tails_;           // what of early_ compressed data has had, too
  std::uint64_t tail_bytes_ = 0;
  HostOffset at_;  // all before it has been used, kept or dropped
  std::vector<Arriving> arriving_;
  std::vector<Arriving> begun_early_;      // become arriving_ at the next step
  std::uint64_t begun_bytes_ = 0;          // what they have gathered
  std::uint64_t counted_clusters_ = 0;     // those behind them have no counts
  std::optional<std::string> broken_off_;  // why the rest cannot be read
  // While read() runs:
  std::uint64_t most_memory_ = 0;
  std::optional<References> references_;
  std::optional<ImageTables> tables_;
  RestoredContent* content_ = nullptr;
  ReferenceCounts* counts_ = nullptr;
};

}  // namespace qcow2stream
