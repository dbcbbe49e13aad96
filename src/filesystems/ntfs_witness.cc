// SPDX-License-Identifier: GPL-2.0-or-later

#include "filesystems/ntfs_witness.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstring>
#include <span>
#include <string>
#include <string_view>

#include "filesystems/kept.h"

namespace qcow2stream {
namespace {

constexpr const char* kRunChkdsk = "run chkdsk on it in Windows";
constexpr std::uint64_t kBitmapFile = 6;

// The first clusters of the data of a file that is not empty; nothing else will do.
const NtfsAttribute* data_of(const NtfsRecord& record) {
  for (const NtfsAttribute& attribute : record.attributes) {
    if (attribute.type == NtfsAttribute::kData && !attribute.is_named && attribute.is_first &&
        !attribute.clusters.empty())
      return &attribute;
  }
  return nullptr;
}

class RecordCheck {
 public:
  RecordCheck(const NtfsVolume& volume, const RunList& free, std::uint64_t used, bool swap)
      : volume_(volume), free_(free), budget_(used), swap_(swap) {}

  void take(const NtfsRecord& record);
  [[nodiscard]] std::vector<UnitRun> swap_runs() const { return swap_runs_; }
  [[nodiscard]] bool is_swap_file(std::uint64_t file) const {
    return std::ranges::find(swap_files_, file) != swap_files_.end();
  }
  // Throws Kept if hiberfil.sys is there but what it begins with has not been found.
  void check_end() const {
    if (hibernation_file_ && !hibernation_looked_at_) throw hibernated();
  }

 private:
  static Kept hibernated() {
    return Kept("Windows is hibernated in it",
                "shut Windows down fully, with fast start-up and hibernation turned off");
  }
  [[nodiscard]] std::array<char, 4> first_letters(const NtfsAttribute& data) const;
  void look_at_hibernation(const NtfsRecord& record);
  void look_at_swap(const NtfsRecord& record);

  const NtfsVolume& volume_;
  const RunList& free_;
  std::uint64_t budget_;
  bool swap_;
  bool hibernation_file_ = false;
  bool hibernation_looked_at_ = false;
  std::vector<std::uint64_t> swap_files_;
  std::vector<UnitRun> swap_runs_;
};

std::array<char, 4> RecordCheck::first_letters(const NtfsAttribute& data) const {
  std::array<char, 4> letters{};
  volume_.volume().read(VolumeOffset(data.clusters.front().begin * volume_.geometry().cluster_size),
                        std::as_writable_bytes(std::span(letters)));
  return letters;
}

// Windows writes "wake" or zeros over the beginning when it is awake again. An empty file has
// nothing to wake up with. A file in many pieces may have its beginning in another record: unknown.
void RecordCheck::look_at_hibernation(const NtfsRecord& record) {
  hibernation_file_ = true;
  const NtfsAttribute* const data = data_of(record);
  if (data == nullptr || data->has_holes || !data->is_plain) throw hibernated();
  const std::array<char, 4> letters = first_letters(*data);
  const std::string_view begins(letters.data(), letters.size());
  if (begins != std::string_view("\0\0\0\0", 4) && begins != "wake" && begins != "WAKE")
    throw hibernated();
  hibernation_looked_at_ = true;
}

// Only the files of Windows itself, which are hidden and belong to the system, and only if all of
// their clusters are known from one record. One that begins with "PAGE" holds the dump of a crash
// that nobody has taken out yet.
void RecordCheck::look_at_swap(const NtfsRecord& record) {
  constexpr std::uint32_t kHiddenSystem = 0x06;
  const NtfsAttribute* const data = data_of(record);
  if (is_swap_file(record.file)) return;
  if (!record.is_first || record.has_attribute_list || data == nullptr || !data->is_plain ||
      data->has_holes || (record.file_attributes & kHiddenSystem) != kHiddenSystem)
    return;
  const std::array<char, 4> letters = first_letters(*data);
  if (std::string_view(letters.data(), letters.size()) == "PAGE") return;
  swap_files_.push_back(record.file);
  swap_runs_.insert(swap_runs_.end(), data->clusters.begin(), data->clusters.end());
}

void RecordCheck::take(const NtfsRecord& record) {
  for (const NtfsAttribute& attribute : record.attributes) {
    if (record.file == kBitmapFile && attribute.has_holes)
      throw Kept("its $Bitmap has holes", kRunChkdsk);
    for (const UnitRun& run : attribute.clusters) {
      if (free_.meets(run)) throw Kept("its $Bitmap calls clusters of a file free", kRunChkdsk);
      if (run.length > budget_) throw Kept("its files claim more than is used", kRunChkdsk);
      budget_ -= run.length;
    }
  }
  for (const std::string& name : record.names_in_root) {
    if (name == "hiberfil.sys") look_at_hibernation(record);
    if (swap_ && (name == "pagefile.sys" || name == "swapfile.sys")) look_at_swap(record);
  }
}

}  // namespace

void for_each_ntfs_record(const NtfsVolume& volume,
                          const std::function<void(const NtfsRecord&)>& take) {
  const std::size_t size = volume.geometry().record_size;
  const std::uint64_t count = volume.records();
  constexpr std::size_t kMost = std::size_t{512} << 10U;
  const std::uint64_t at_once = std::max<std::uint64_t>(kMost / size / 8 * 8, 8);
  std::vector<std::byte> records(at_once * size);
  std::vector<std::byte> bits(at_once / 8);
  for (std::uint64_t first = 0; first < count; first += at_once) {
    const std::uint64_t here = std::min(at_once, count - first);
    volume.read_records(first, std::span(records).first(here * size));
    volume.read_record_bitmap(first / 8, bits);
    for (std::uint64_t i = 0; i < here; ++i) {
      const auto record = std::span<const std::byte>(records).subspan(i * size, size);
      const bool marked = (static_cast<unsigned>(bits[i / 8]) >> i % 8 & 1U) != 0;
      switch (ntfs_record_state(record)) {
        case NtfsRecordState::kInUse:
          take(parse_ntfs_record(first + i, record, volume.geometry().clusters));
          break;
        case NtfsRecordState::kTorn:
          throw Kept("a record of its file table is torn", kRunChkdsk);
        case NtfsRecordState::kNoRecord:
          if (marked) throw Kept("a record of its file table is missing", kRunChkdsk);
          break;
        case NtfsRecordState::kNotInUse:
          break;
      }
    }
  }
}

std::vector<UnitRun> check_ntfs_records(const NtfsVolume& volume, const RunList& free,
                                        std::uint64_t used, bool swap) {
  RecordCheck check(volume, free, used, swap);
  for_each_ntfs_record(volume, [&](const NtfsRecord& record) { check.take(record); });
  check.check_end();
  std::vector<UnitRun> runs = check.swap_runs();
  if (runs.empty()) return runs;
  if (!sort_apart(runs)) throw Kept("clusters of its swap files are used twice", kRunChkdsk);
  // No other file may have a part in them.
  RunList swap_runs;
  for (const UnitRun& run : runs) swap_runs.append(run);
  for_each_ntfs_record(volume, [&](const NtfsRecord& record) {
    if (check.is_swap_file(record.file)) return;
    for (const NtfsAttribute& attribute : record.attributes) {
      for (const UnitRun& run : attribute.clusters) {
        if (swap_runs.meets(run))
          throw Kept("clusters of its swap files are used twice", kRunChkdsk);
      }
    }
  });
  return runs;
}

}  // namespace qcow2stream
