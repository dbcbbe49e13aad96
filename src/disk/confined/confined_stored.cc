// SPDX-License-Identifier: GPL-2.0-or-later

#include <algorithm>
#include <utility>

#include "base/fields.h"
#include "disk/confined/confined_disk.h"
#include "disk/qcow2/chain_stored.h"

namespace qcow2stream::confined {
namespace {

// Answers that are kept: as many as threads that ask in different places.
constexpr std::size_t kKeptAnswers = 16;

}  // namespace

ConfinedStored::ConfinedStored(const ConfinedReader& reader, const Disk& file,
                               const ToldOpened& opened)
    : reader_(reader), file_(file), told_(opened.stored), disk_bytes_(opened.size) {}

std::optional<StoredBlob> ConfinedStored::find(GuestOffset cluster) const {
  const auto told = around(cluster);
  const ToldBlob& blob = told->blobs.at((cluster - told->begin) / told_.cluster_size);
  if (blob.most == 0) return std::nullopt;
  return StoredBlob{.file = 0, .begin = HostOffset(blob.begin), .most = blob.most};
}

std::shared_ptr<const ConfinedStored::Told> ConfinedStored::around(GuestOffset cluster) const {
  {
    const std::lock_guard lock(mutex_);
    for (const auto& told : kept_) {
      const std::uint64_t length = told->blobs.size() * told_.cluster_size;
      if (told->begin <= cluster && cluster - told->begin < length) return told;
    }
  }
  const std::uint64_t left = (disk_bytes_ - cluster.value() - 1) / told_.cluster_size + 1;
  const std::uint64_t asked = std::min<std::uint64_t>(left, kMostToldBlobs);
  std::optional<std::vector<ToldBlob>> blobs;
  {
    ConfinedReader::Loan channel(reader_);
    blobs =
        read_blobs(channel.ask_and_copy(Ask::kStored, cluster.value(), asked), asked, file_.size());
  }
  if (!blobs) reader_.refuse_answer();
  auto told = std::make_shared<const Told>(Told{.begin = cluster, .blobs = std::move(*blobs)});
  const std::lock_guard lock(mutex_);
  if (kept_.size() == kKeptAnswers) kept_.erase(kept_.begin());
  kept_.push_back(told);
  return told;
}

std::optional<std::uint64_t> ConfinedStored::length(const StoredBlob& blob) const {
  ConfinedReader::Loan channel(reader_);
  const auto bytes = channel.ask_and_copy(Ask::kStoredLength, blob.begin.value(), blob.most);
  FieldReader fields(bytes);
  const std::uint64_t length = fields.number_up_to(blob.most);
  if (!fields.is_at_end()) reader_.refuse_answer();
  if (length == 0) return std::nullopt;  // nothing is compressed to no bytes
  return length;
}

void ConfinedStored::read(const StoredBlob& blob, std::uint64_t skip,
                          std::span<std::byte> out) const {
  file_.read(GuestOffset(blob.begin.value() + skip), out);
}

std::optional<Place> ConfinedStored::place(const StoredBlob& blob) const {
  return place_in(file_, blob);
}

void ConfinedStored::will_read(const StoredBlob& blob) const noexcept {
  file_.will_read({GuestOffset(blob.begin.value()), blob.most});
}

}  // namespace qcow2stream::confined
