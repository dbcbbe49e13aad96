// SPDX-License-Identifier: GPL-2.0-or-later
//
// Brings what an image says of its disk to a target, with several threads.

#pragma once

#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <variant>
#include <vector>

#include "codec/decoder.h"
#include "manifest/content_hash.h"
#include "qcow2stream/compression.h"
#include "qcow2stream/disk.h"
#include "qcow2stream/restore.h"
#include "qcow2stream/target.h"
#include "restore/content_record.h"
#include "restore/restored_content.h"
#include "restore/worker_pool.h"

namespace qcow2stream {

// What was done to a target, in bytes.
struct RestoredBytes {
  std::atomic<std::uint64_t> written = 0;
  std::atomic<std::uint64_t> zeroed = 0;
  std::atomic<std::uint64_t> equal = 0;
  std::atomic<std::uint64_t> different = 0;
};

// Of the image whose content comes.
struct WrittenImage {
  std::string name;
  std::uint64_t cluster_size = 0;  // of its compressed clusters
  CompressionType compression = CompressionType::kZlib;
  // All of the target that has not been written by now reads as zeros.
  bool target_is_zero = false;
  // Is told of the content. May be null; must outlive the writer.
  ContentRecord* record = nullptr;
};

class ContentWriter final : public RestoredContent {
 public:
  // All but `image` must outlive it. Without a target, compressed clusters are decoded, and that is
  // all.
  ContentWriter(Target* target, const RestoreOptions& options, WrittenImage image,
                WorkerPool& workers, RestoredBytes& bytes);
  // What has not been brought to the target is dropped.
  ~ContentWriter() override { workers_.drop(); }
  ContentWriter(const ContentWriter&) = delete;
  ContentWriter& operator=(const ContentWriter&) = delete;

  void data(GuestOffset at, SharedBytes bytes) override;
  void compressed(GuestRange range, HostOffset at, std::vector<std::byte> blob) override;
  void zeros(GuestRange range) override;
  void below(GuestRange range) override;
  void lost(GuestRange range, HostOffset at, const std::string& reason) override;
  void end_chunk() override;

  // A run of data of `disk`, which must outlive the writer.
  void data_of(const Disk& disk, GuestRange range);

  // Returns when all that came has been brought to the target. Throws Error.
  void finish();

 private:
  struct Data {
    GuestOffset at;
    SharedBytes bytes;
  };
  struct Blob {
    GuestRange range;
    HostOffset at;
    std::vector<std::byte> bytes;
  };
  struct Zeros {
    GuestRange range;
  };
  struct OfDisk {
    const Disk* disk;
    GuestRange range;
  };
  using Piece = std::variant<Data, Blob, Zeros, OfDisk>;
  using Batch = std::vector<Piece>;
  // What one thread works with.
  struct Desk {
    std::unique_ptr<Decoder> decoder;
    std::vector<std::byte> clusters;  // decoded ones that follow each other in the disk
    GuestRange decoded = {};          // what they are of it
    std::vector<std::byte> read;      // of a disk
    std::vector<std::byte> found;     // what the target holds
    ContentHash hash;
  };

  void add(Piece piece, std::uint64_t cost);
  void add_zeros();
  void submit();
  void bring_all(const Batch& batch, Desk& desk);
  void bring_decoded(Desk& desk);
  void bring_in_turn(Batch& batch, std::uint64_t number, Desk& desk);
  [[nodiscard]] Piece as_data(const Piece& piece, Desk& desk);
  void note_loss(GuestRange range, HostOffset at, const std::string& reason);
  [[nodiscard]] bool decode(const Blob& blob, Desk& desk, std::span<std::byte> cluster);
  void record(const Piece& piece, Desk& desk) const;
  void bring(const Piece& piece, Desk& desk);
  void bring_next(const Blob& blob, Desk& desk);
  void bring(const OfDisk& part, Desk& desk);
  void bring(GuestOffset at, std::span<const std::byte> bytes, Desk& desk);
  void bring(const Zeros& zeros, Desk& desk);
  void write(GuestOffset at, std::span<const std::byte> bytes);
  void write_sparsely(GuestOffset at, std::span<const std::byte> bytes);
  void zero(GuestRange range);
  void compare(GuestOffset at, std::span<const std::byte> wanted, Desk& desk);
  void differs(GuestOffset at, std::span<const std::byte> wanted);
  void count_done(std::uint64_t bytes) const;

  Target* target_;
  const RestoreOptions& options_;
  WrittenImage image_;
  WorkerPool& workers_;
  RestoredBytes& bytes_;
  bool is_in_order_;         // the target is written in the order in which things come
  std::vector<Desk> desks_;  // one a thread
  Batch batch_;
  std::uint64_t batch_cost_ = 0;
  std::optional<GuestRange> zeros_;  // may still grow
  std::mutex difference_;
  // Of a target that is written in order:
  std::uint64_t batches_ = 0;  // that were handed out
  std::mutex turn_mutex_;
  std::condition_variable turn_changed_;
  std::uint64_t turn_ = 0;        // the number of the batch that may be written now
  bool turn_has_failed_ = false;  // so none may any more
};

}  // namespace qcow2stream
