// SPDX-License-Identifier: GPL-2.0-or-later
//
// A disk of whose image a confined program says what it holds. Plain data is read from the image by
// us, where the program says that it lies, all else comes from the program.

#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "disk/confined/confined_reader.h"
#include "disk/confined/opened.h"
#include "disk/confined/told_disk.h"
#include "qcow2stream/changes.h"
#include "qcow2stream/disk.h"
#include "qcow2stream/stored_clusters.h"

namespace qcow2stream::confined {

// The compressed clusters, of which the program says where they lie and how long they are.
class ConfinedStored final : public StoredClusters {
 public:
  // They must outlive it.
  ConfinedStored(const ConfinedReader& reader, const Disk& file, const ToldOpened& opened);

  [[nodiscard]] CompressionType type() const override { return told_.type; }
  [[nodiscard]] std::uint64_t cluster_size() const override { return told_.cluster_size; }
  [[nodiscard]] std::optional<StoredBlob> find(GuestOffset cluster) const override;
  [[nodiscard]] std::optional<std::uint64_t> length(const StoredBlob& blob) const override;
  void read(const StoredBlob& blob, std::uint64_t skip, std::span<std::byte> out) const override;
  [[nodiscard]] std::optional<Place> place(const StoredBlob& blob) const override;
  void will_read(const StoredBlob& blob) const noexcept override;

 private:
  struct Told {
    GuestOffset begin;
    std::vector<ToldBlob> blobs;  // of one cluster after the other from there
  };
  [[nodiscard]] std::shared_ptr<const Told> around(GuestOffset cluster) const;

  const ConfinedReader& reader_;
  const Disk& file_;
  const ToldStored told_;
  const std::uint64_t disk_bytes_;
  mutable std::mutex mutex_;
  mutable std::vector<std::shared_ptr<const Told>> kept_;  // a few
};

class ConfinedDisk final : public Disk {
 public:
  ConfinedDisk(std::shared_ptr<const Disk> file, std::unique_ptr<ConfinedReader> reader,
               ToldOpened opened);

  [[nodiscard]] const std::string& name() const override { return file_->name(); }
  [[nodiscard]] std::uint64_t size() const override { return opened_.size; }
  void read(GuestOffset offset, std::span<std::byte> buffer) const override;
  [[nodiscard]] DiskTraits traits() const override;
  [[nodiscard]] std::unique_ptr<RunCursor> runs(GuestRange range) const override;
  [[nodiscard]] Run run_at(GuestRange range) const override;
  [[nodiscard]] std::unique_ptr<RequestQueue> queue() const override;
  void will_read(GuestRange range) const noexcept override;
  [[nodiscard]] std::optional<DiskStamp> stamp() const override;
  void check_unchanged() const override { file_->check_unchanged(); }
  [[nodiscard]] std::vector<Caveat> caveats() const override;
  [[nodiscard]] const StoredClusters* stored_clusters() const override { return &stored_; }

  // Fills `out` with what the program makes of the disk from `offset` on.
  void make(GuestOffset offset, std::span<std::byte> out) const;
  [[nodiscard]] const Disk& file() const { return *file_; }
  [[nodiscard]] const ToldDisk& told() const { return told_; }
  [[nodiscard]] const ConfinedReader& reader() const { return *reader_; }

 private:
  std::shared_ptr<const Disk> file_;
  std::unique_ptr<ConfinedReader> reader_;
  ToldOpened opened_;
  ToldDisk told_;
  ConfinedStored stored_;
};

// What the program was asked about as changes.
std::shared_ptr<const Changes> confined_changes(std::shared_ptr<const ConfinedDisk> disk);

}  // namespace qcow2stream::confined
