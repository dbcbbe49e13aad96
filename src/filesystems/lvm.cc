// SPDX-License-Identifier: GPL-2.0-or-later

#include "filesystems/lvm.h"

#include <algorithm>
#include <array>
#include <set>
#include <span>
#include <string_view>
#include <utility>

#include "filesystems/fields.h"
#include "filesystems/kept.h"
#include "filesystems/lvm_text.h"

namespace qcow2stream {
namespace {

constexpr std::uint64_t kLvmUnit = 512;  // of sizes in the text
constexpr std::size_t kMostVolumes = 1024;
constexpr std::size_t kMostPieces = 65536;

using Words = std::span<const std::string_view>;

// Whatever else stands in the metadata means something that is not known here.
constexpr std::array<std::string_view, 5> kTopWords{"contents", "version", "description",
                                                    "creation_host", "creation_time"};
constexpr std::array<std::string_view, 14> kGroupWords{"id",
                                                       "seqno",
                                                       "format",
                                                       "status",
                                                       "flags",
                                                       "tags",
                                                       "extent_size",
                                                       "max_lv",
                                                       "max_pv",
                                                       "metadata_copies",
                                                       "profile",
                                                       "allocation_policy",
                                                       "physical_volumes",
                                                       "logical_volumes"};
constexpr std::array<std::string_view, 13> kPhysicalWords{
    "id",       "device",   "device_id", "device_id_type", "status", "flags", "dev_size",
    "pe_start", "pe_count", "ba_start",  "ba_size",        "tags",   "hints"};
constexpr std::array<std::string_view, 12> kLogicalWords{
    "id",   "status",  "flags",      "creation_time",     "creation_host", "segment_count",
    "tags", "profile", "read_ahead", "allocation_policy", "major",         "minor"};
constexpr std::array<std::string_view, 6> kSegmentWords{"start_extent", "extent_count", "type",
                                                        "tags",         "stripe_count", "stripes"};
constexpr std::array<std::string_view, 3> kGroupStatus{"RESIZEABLE", "READ", "WRITE"};
constexpr std::array<std::string_view, 1> kPhysicalStatus{"ALLOCATABLE"};
constexpr std::array<std::string_view, 4> kLogicalStatus{"READ", "WRITE", "VISIBLE", "FIXED_MINOR"};

bool is_among(Words words, std::string_view word) {
  return std::ranges::find(words, word) != words.end();
}

bool are_all_among(Words words, const std::vector<std::string>& found) {
  return std::ranges::all_of(found, [&](const auto& word) { return is_among(words, word); });
}

bool has_only(const LvmSection& section, Words settings) {
  return std::ranges::all_of(section.settings,
                             [&](const auto& entry) { return is_among(settings, entry.first); });
}

[[noreturn]] void refuse_group() {
  throw Kept("its volume group has something that is not known here");
}

// Extents, of the physical volume or of a logical one.
struct Extents {
  std::uint64_t begin = 0;
  std::uint64_t count = 0;
  [[nodiscard]] std::uint64_t end() const { return begin + count; }
};

struct LvmSegment {
  Extents logical;
  std::uint64_t physical = 0;  // the first extent
};

class GroupReader {
 public:
  GroupReader(const Volume& physical, LvmLabel label)
      : physical_(physical), label_(std::move(label)), text_(parse_lvm_text(label_.text)) {}

  LvmGroup read() {
    if (!has_only(text_, kTopWords) || text_.sections.size() != 1 ||
        text_.text("contents") != "Text Format Volume Group" || text_.number("version") != 1) {
      refuse_group();
    }
    const auto& [name, group] = *text_.sections.begin();
    check_group(group);
    read_physical(group);
    LvmGroup found{name, group.text("id"), label_.id, {}};
    const auto volumes = group.sections.find("logical_volumes");
    if (volumes == group.sections.end() || volumes->second.sections.empty()) {
      throw Kept("it holds no logical volumes");
    }
    if (volumes->second.sections.size() > kMostVolumes) refuse_group();
    note_references(volumes->second);
    for (const auto& [logical_name, logical] : volumes->second.sections) {
      found.volumes.push_back(read_logical(logical_name, logical));
    }
    check_used();
    return found;
  }

 private:
  static void check_group(const LvmSection& group) {
    if (!has_only(group, kGroupWords) || group.text("format") != "lvm2" ||
        !are_all_among(kGroupStatus, group.texts("status")) || !group.texts("flags").empty() ||
        !std::ranges::all_of(
            group.sections, [](const auto& entry) { return is_among(kGroupWords, entry.first); })) {
      refuse_group();
    }
  }

  void read_physical(const LvmSection& group) {
    const LvmSection& all = group.section("physical_volumes");
    if (all.sections.size() != 1) {
      throw Kept("its volume group has more than one physical volume");
    }
    const auto& [name, physical] = *all.sections.begin();
    physical_name_ = name;
    std::string id = physical.text("id");
    std::erase(id, '-');
    if (id != label_.id || !has_only(physical, kPhysicalWords) || !physical.sections.empty() ||
        !are_all_among(kPhysicalStatus, physical.texts("status")) ||
        !physical.texts("flags").empty()) {
      refuse_group();
    }
    read_sizes(group, physical);
  }

  // Afterwards all extents lie within the volume, and products fit into 64 bits.
  void read_sizes(const LvmSection& group, const LvmSection& physical) {
    const std::uint64_t units = physical_.size() / kLvmUnit;
    const std::uint64_t extent = group.number("extent_size");
    const std::uint64_t start = physical.number("pe_start");
    extents_ = physical.number("pe_count");
    if (extent == 0 || extent > units || start > units || extents_ > (units - start) / extent) {
      throw Kept("its LVM metadata is larger than the volume that it lies on");
    }
    extent_size_ = extent * kLvmUnit;
    begin_ = start * kLvmUnit;
  }

  // What logical volumes are built on: any word in a segment that is the name of one.
  void note_references(const LvmSection& volumes) {
    for (const auto& [name, logical] : volumes.sections) {
      for (const auto& [segment_name, segment] : logical.sections) note_references_of(segment);
      // A snapshot in the form of older versions, or whatever else names another one.
      note_settings_of(logical);
    }
  }
  void note_references_of(const LvmSection& section) {
    note_settings_of(section);
    for (const auto& [name, inner] : section.sections) note_references_of(inner);
  }
  void note_settings_of(const LvmSection& section) {
    for (const auto& [name, values] : section.settings) {
      for (const LvmValue& value : values) {
        if (const auto* text = std::get_if<std::string>(&value)) references_.insert(*text);
      }
    }
  }

  LvmVolume read_logical(const std::string& name, const LvmSection& logical) {
    LvmVolume found;
    found.name = name;
    try {
      if (references_.contains(name)) throw Kept("another logical volume is built on it");
      if (!has_only(logical, kLogicalWords) || !logical.texts("flags").empty() ||
          !are_all_among(kLogicalStatus, logical.texts("status"))) {
        throw Kept("it is a logical volume of a kind that is not known here");
      }
      read_segments(logical, found);
    } catch (const Kept& kept) {
      found.pieces.clear();
      found.kept_because = kept.because();
    }
    return found;
  }

  void read_segments(const LvmSection& logical, LvmVolume& found) {
    std::vector<LvmSegment> segments;
    for (const auto& [name, segment] : logical.sections) segments.push_back(segment_of(segment));
    if (segments.size() != logical.number("segment_count") || segments.empty()) refuse_group();
    std::ranges::sort(segments, {}, [](const LvmSegment& s) { return s.logical.begin; });
    std::uint64_t at = 0;
    for (const LvmSegment& segment : segments) {
      if (segment.logical.begin != at) refuse_group();
      at = segment.logical.end();
      if (used_.size() == kMostPieces) refuse_group();
      used_.push_back({segment.physical, segment.logical.count});
      found.pieces.push_back({VolumeOffset(segment.logical.begin * extent_size_),
                              {VolumeOffset(begin_ + segment.physical * extent_size_),
                               segment.logical.count * extent_size_}});
      if (at > extents_) refuse_group();
    }
    found.size = at * extent_size_;
  }

  [[nodiscard]] LvmSegment segment_of(const LvmSection& segment) const {
    const std::string& type = segment.text("type");
    if ((type != "striped" && type != "linear") || !segment.sections.empty() ||
        segment.number("stripe_count") != 1 || !has_only(segment, kSegmentWords)) {
      throw Kept("it is a logical volume of a kind that is not known here");
    }
    const auto stripes = segment.settings.find("stripes");
    if (stripes == segment.settings.end() || stripes->second.size() != 2) refuse_group();
    const auto* on = std::get_if<std::string>(&stripes->second.front());
    const auto* first = std::get_if<std::uint64_t>(&stripes->second[1]);
    const Extents logical{segment.number("start_extent"), segment.number("extent_count")};
    if (on == nullptr || first == nullptr || *on != physical_name_ || logical.count == 0 ||
        *first >= extents_ || logical.count > extents_ - *first || logical.begin >= extents_) {
      refuse_group();
    }
    return {logical, *first};
  }

  // Two logical volumes cannot lie at the same place.
  void check_used() {
    std::ranges::sort(used_, {}, &Extents::begin);
    const auto overlap = std::ranges::adjacent_find(
        used_, [](const Extents& a, const Extents& b) { return b.begin < a.end(); });
    if (overlap != used_.end()) throw Kept("its logical volumes overlap");
  }

  const Volume& physical_;
  LvmLabel label_;
  LvmSection text_;
  std::string physical_name_;
  std::uint64_t extent_size_ = 0;  // bytes
  std::uint64_t extents_ = 0;      // of the physical volume
  std::uint64_t begin_ = 0;        // of the first extent, bytes
  std::set<std::string, std::less<>> references_;
  std::vector<Extents> used_;
};

}  // namespace

LvmGroup read_lvm(const Volume& physical) {
  return GroupReader(physical, read_lvm_label(physical)).read();
}

}  // namespace qcow2stream
