// SPDX-License-Identifier: GPL-2.0-or-later

#include "filesystems/volumes.h"

#include <algorithm>
#include <cassert>
#include <utility>

#include "filesystems/examine.h"
#include "filesystems/identify.h"
#include "filesystems/kept.h"
#include "filesystems/lvm.h"
#include "filesystems/partition_table.h"
#include "filesystems/pieces.h"

namespace qcow2stream {
namespace {

Finding refused_finding(std::string format, const Kept& kept) {
  Finding finding;
  finding.format = std::move(format);
  finding.kept_because = kept.because();
  finding.remedy = kept.remedy();
  return finding;
}

FoundVolume part_of_disk(const Volume& disk, std::string name, VolumeRange range) {
  FoundVolume found;
  found.name = std::move(name);
  found.pieces = {{VolumeOffset(0), range}};
  found.volume = std::make_unique<PiecesVolume>(disk, found.pieces);
  return found;
}

FoundVolume whole_disk(const Volume& disk) {
  return part_of_disk(disk, "disk", {VolumeOffset(0), disk.size()});
}

bool is_lvm(const Volume& volume) {
  const auto signatures = find_signatures(volume);
  return signatures.size() == 1 && signatures.front().format == "lvm";
}

// What a physical volume holds.
struct FoundGroup {
  FoundVolume on;
  LvmGroup group;
};

// A logical volume whose pieces lie on one physical volume, which is one piece of the disk.
FoundVolume logical_volume(const Volume& disk, const FoundGroup& holder, const LvmVolume& logical) {
  FoundVolume found;
  found.name = "LVM volume " + holder.group.name + "/" + logical.name;
  if (!logical.kept_because.empty()) {
    found.volume = std::make_unique<UnknownPlace>(logical.size);
    found.refused = refused_finding("unknown", Kept(logical.kept_because));
    return found;
  }
  const VolumeRange outer = holder.on.pieces.front().on_disk;
  for (const Piece& piece : logical.pieces) {
    found.pieces.push_back(
        {piece.at, {outer.begin + piece.on_disk.begin.value(), piece.on_disk.length}});
  }
  found.volume = std::make_unique<PiecesVolume>(disk, found.pieces);
  return found;
}

class Volumes {
 public:
  explicit Volumes(const Volume& disk) : disk_(disk) {}

  // Takes a partition, or what lies on it.
  void add(FoundVolume found) {
    if (!is_lvm(*found.volume)) {
      found_.push_back(std::move(found));
      return;
    }
    try {
      LvmGroup group = read_lvm(*found.volume);
      groups_.push_back({std::move(found), std::move(group)});
    } catch (const Kept& kept) {
      found.refused = refused_finding("lvm", kept);
      found_.push_back(std::move(found));
    }
  }

  std::vector<FoundVolume> finish() {
    for (std::size_t i = 0; i < groups_.size(); ++i) {
      FoundGroup& holder = groups_[i];
      if (has_twin(i)) {
        holder.on.refused =
            refused_finding("lvm", Kept("there is more than one volume group of that name"));
        found_.push_back(std::move(holder.on));
        continue;
      }
      for (const LvmVolume& logical : holder.group.volumes) {
        found_.push_back(logical_volume(disk_, holder, logical));
      }
    }
    return std::move(found_);
  }

 private:
  [[nodiscard]] bool has_twin(std::size_t index) const {
    const LvmGroup& group = groups_[index].group;
    return std::ranges::count_if(groups_, [&](const FoundGroup& other) {
             return other.group.name == group.name || other.group.id == group.id ||
                    other.group.physical_id == group.physical_id;
           }) > 1;
  }

  const Volume& disk_;
  std::vector<FoundVolume> found_;
  std::vector<FoundGroup> groups_;
};

std::string names_of(const std::vector<Signature>& signatures) {
  std::string names;
  for (const Signature& signature : signatures) {
    if (signature.format == "gpt") continue;
    names += (names.empty() ? "" : " and ") + signature.format;
  }
  return names;
}

// The partitions of the disk, or nothing where it has no table. Throws Kept where that is in doubt.
std::optional<std::vector<Partition>> partitions_of(const Volume& disk) {
  const auto signatures = find_signatures(disk);
  const std::string others = names_of(signatures);
  const bool has_gpt = std::ranges::find(signatures, "gpt", &Signature::format) != signatures.end();
  if (has_gpt) {
    if (!others.empty()) throw Kept("it has a partition table and the signature of " + others);
    return read_gpt(disk);
  }
  if (has_backup_gpt(disk)) {
    throw Kept("of its partition table (GPT) there is only the copy at the end",
               "repair the table with gdisk, or remove what is left of it with wipefs");
  }
  const auto entries = boot_table(disk, signatures);
  if (!entries) return {};
  if (!others.empty()) throw Kept("it has a partition table and the signature of " + others);
  return read_mbr(disk, *entries);
}

}  // namespace

std::vector<FoundVolume> find_volumes(const Volume& disk) {
  Volumes volumes(disk);
  try {
    const auto partitions = partitions_of(disk);
    if (!partitions) {
      volumes.add(whole_disk(disk));
    } else {
      for (const Partition& partition : *partitions) {
        volumes.add(
            part_of_disk(disk, "partition " + std::to_string(partition.number), partition.range));
      }
    }
  } catch (const Kept& kept) {
    std::vector<FoundVolume> found;
    found.push_back(whole_disk(disk));
    found.back().refused = refused_finding("unknown", kept);
    return found;
  }
  return volumes.finish();
}

Finding examine(const FoundVolume& found, Kinds kinds, FreeRuns& runs) {
  return found.refused ? *found.refused : examine(*found.volume, kinds, runs);
}

std::vector<VolumeRange> on_disk(const FoundVolume& found, VolumeRange run) {
  assert(lies_within(*found.volume, run.begin.value(), run.length));
  std::vector<VolumeRange> ranges;
  for_each_piece(found.pieces, run,
                 [&](VolumeRange, VolumeRange there) { ranges.push_back(there); });
  return ranges;
}

}  // namespace qcow2stream
