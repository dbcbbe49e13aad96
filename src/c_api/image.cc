// SPDX-License-Identifier: GPL-2.0-or-later

#include "qcow2stream/image.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "base/errors.h"
#include "c_api/disk.h"
#include "c_api/error.h"
#include "c_api/options.h"
#include "c_api/watch.h"
#include "qcow2stream/emit.h"
#include "qcow2stream/manifest.h"
#include "qcow2stream/plan.h"
#include "qcow2stream/survey.h"
#include "system/io.h"
#include "system/memory_limit.h"

// NOLINTNEXTLINE(readability-identifier-naming): c.h has its name
struct qcow2stream_image {
  qcow2stream::Image image;
  qcow2stream::OnChange on_change;  // empty: a change is an error
  unsigned threads = 0;
  bool flush = false;
  std::uint64_t most_per_second = 0;  // bytes; 0: there is no limit
  std::uint64_t top_images = 0;
  // That of a plan, of a disk of which only emission can find out whether it is the same.
  bool is_only_emitted = false;

  mutable std::mutex mutex;               // guards the next one
  mutable std::optional<std::string> id;  // once it was asked for
};

namespace qcow2stream::c_api {
namespace {

qcow2stream_image* image_handle(Image image, const Settings& settings, std::uint64_t top_images) {
  OnChange on_change;
  if (settings.allow_changes) on_change = [](const Error&) {};
  return new qcow2stream_image{.image = std::move(image),
                               .on_change = std::move(on_change),
                               .threads = settings.threads,
                               .flush = settings.flush,
                               .most_per_second = settings.limit_rate,
                               .top_images = top_images,
                               .mutex = {},
                               .id = {}};
}

// --- the survey ---------------------------------------------------------------------------------

Allocation allocation_of(const Settings& settings, const std::optional<std::string>& list) {
  if (list) return AllocationList{*list};
  if (settings.no_extents) return Everything{};
  return DiskItself{};
}

// What may say what has changed; one at most.
Question question_of(const qcow2stream_disk& disk, const qcow2stream_disk* base,
                     const Settings& settings) {
  const int answers = static_cast<int>(base != nullptr) +
                      static_cast<int>(disk.changes != nullptr) +
                      static_cast<int>(settings.changed_map.has_value()) +
                      static_cast<int>(settings.base_manifest.has_value());
  if (answers > 1) {
    refuse_use("options of the image",
               "only one of a base, dirty-bitmap, shallow, changed-map and base-manifest can say "
               "what has changed");
  }
  Allocation allocation = allocation_of(settings, settings.map);
  if (base != nullptr) {
    return Against{.base = base->disk,
                   .allocation = std::move(allocation),
                   .base_allocation = allocation_of(settings, settings.base_map)};
  }
  if (disk.changes != nullptr) {
    return Only{.changes = disk.changes, .believe_zeros = !settings.no_extents};
  }
  if (settings.changed_map) return Only{.changes = ChangedList{*settings.changed_map}};
  if (settings.base_manifest) {
    return AgainstManifest{
        .base = std::make_shared<const Manifest>(Manifest::load(*settings.base_manifest)),
        .allocation = std::move(allocation)};
  }
  return Full{.allocation = std::move(allocation)};
}

// As much as the program takes.
std::uint64_t spool_memory(const Settings& settings) {
  return settings.spool_memory.value_or(std::min(kDefaultSpoolMemory, memory_limit() / 4));
}

Image survey_image(const qcow2stream_disk& disk, const qcow2stream_disk* base,
                   const Settings& settings, const Watcher& watcher) {
  ImageOptions options = image_options(settings, disk.disk->name());
  Progress progress;
  SurveyOptions how{.what = question_of(disk, base, settings),
                    .scan = settings.scan,
                    .threads = settings.threads,
                    .spool_memory = spool_memory(settings),
                    .spool_directory = settings.spool_directory,
                    .hash_chunk_bits = {},
                    .most_per_second = settings.limit_rate,
                    .on_change = {},
                    .progress = &progress};
  if (settings.allow_changes) how.on_change = [](const Error&) {};
  if (const auto* against = std::get_if<AgainstManifest>(&how.what)) {
    options.root_record = RootRecord{.parent = against->base->header().root};
  }
  check_disk_size(disk.disk->name(), disk.disk->size(), options);
  SurveyResult found;
  watched(watcher, {progress.survey_done, progress.survey_total}, [&](const CancelFlag& cancelled) {
    found = survey(*until_cancelled(*disk.disk, cancelled), options, how);
  });
  return {disk.disk, options, std::move(found)};
}

// --- what is known of it ------------------------------------------------------------------------

struct Measure {
  const char* name;
  std::uint64_t (*of)(const Measurement& measured);
};

constexpr std::array kMeasures = {
    Measure{"required", [](const Measurement& m) { return m.required; }},
    Measure{"fully-allocated", [](const Measurement& m) { return m.fully_allocated; }},
    Measure{"virtual-size", [](const Measurement& m) { return m.virtual_size; }},
    Measure{"data-clusters", [](const Measurement& m) { return m.data; }},
    Measure{"zero-clusters", [](const Measurement& m) { return m.zero; }},
    Measure{"compressed-clusters", [](const Measurement& m) { return m.compressed; }},
    Measure{"unallocated-clusters", [](const Measurement& m) { return m.unallocated; }},
    Measure{"compressed-bytes", [](const Measurement& m) { return m.compressed_bytes; }},
    Measure{"detects-changes",
            [](const Measurement& m) { return std::uint64_t{m.detects_changes}; }},
};

std::uint64_t measure(const Image& image, const std::string& name) {
  for (const Measure& known : kMeasures) {
    if (name == known.name) return known.of(image.measure());
  }
  refuse_use(name, "this library measures nothing of that name");
}

const char* id_of(const qcow2stream_image& image) {
  const std::scoped_lock lock(image.mutex);
  if (!image.id) image.id = image.image.id();
  return image.id->c_str();
}

// --- its bytes ----------------------------------------------------------------------------------

std::size_t read_image(const qcow2stream_image& image, std::uint64_t offset,
                       std::span<std::byte> buffer) {
  const std::uint64_t rest = image.image.size() - std::min(offset, image.image.size());
  const auto wanted = buffer.first(std::min<std::uint64_t>(buffer.size(), rest));
  if (wanted.empty()) return 0;
  if (image.is_only_emitted) {
    throw Error(ErrorKind::kMismatch, image.image.disk().name(), "cannot be read as the plan says",
                "whether it has changed since cannot be seen; an emission compares it with the "
                "digests of the plan")
        .about(ErrorSubject::kPlan)
        .advise(Advice::kAssumeUnchanged);
  }
  image.image.read(HostOffset(offset), wanted);
  check_unchanged(image.image.disk(), image.on_change);
  return wanted.size();
}

HostRange range_of(const Image& image, std::uint64_t offset, std::uint64_t length) {
  if (offset > image.size()) refuse_use("offset", "it is past the end of the image");
  const std::uint64_t rest = image.size() - offset;
  if (length > rest && length != UINT64_MAX) {
    refuse_use("length", "it goes past the end of the image");
  }
  return {HostOffset(offset), std::min(length, rest)};
}

void emit_image(const qcow2stream_image& image, HostRange range, int fd, const Watcher& watcher) {
  Progress progress;
  EmitOptions options;
  options.threads = image.threads;
  options.flush = image.flush;
  options.most_per_second = image.most_per_second;
  options.on_change = image.on_change;
  options.progress = &progress;
  if (image.image.content() != nullptr) options.expected = image.image.content().get();
  watched(watcher, {progress.emit_done, progress.emit_total}, [&](const CancelFlag& cancelled) {
    const auto descriptor = make_descriptor_sink(fd);
    const auto sink = until_cancelled(*descriptor, cancelled);
    emit(image.image, range, *sink, options);
  });
}

void save_plan(const qcow2stream_image& image, int fd) {
  check_unchanged(image.image.disk(), image.on_change);
  image.image.check_left_out();
  const std::vector<std::byte> plan = encode_plan(image.image, image.top_images);
  const Moved moved = write_full(fd, plan);
  if (moved.error != 0) {
    throw system_error("plan", "write failed", moved.error).about(ErrorSubject::kPlan);
  }
}

}  // namespace
}  // namespace qcow2stream::c_api

using namespace qcow2stream::c_api;  // NOLINT(google-build-using-namespace)

qcow2stream_image* qcow2stream_survey(const qcow2stream_disk* disk, const qcow2stream_disk* base,
                                      const qcow2stream_options* options,
                                      qcow2stream_progress progress, void* context,
                                      qcow2stream_error** error) {
  return guarded<qcow2stream_image*>(error, nullptr, [&] {
    const Settings settings = settings_of(options);
    const qcow2stream_disk& of = given(disk, "disk");
    return image_handle(survey_image(of, base, settings, {progress, context}), settings,
                        of.top_images);
  });
}

qcow2stream_image* qcow2stream_image_open_plan(const qcow2stream_disk* disk, const char* path,
                                               const qcow2stream_options* options,
                                               qcow2stream_error** error) {
  return guarded<qcow2stream_image*>(error, nullptr, [&] {
    const Settings settings = settings_of(options);
    auto plan = qcow2stream::load_plan(given_text(path, "path"));
    const std::uint64_t top_images = plan.top_images;
    const auto& of = given(disk, "disk").disk;
    const bool is_only_emitted =
        !settings.assume_unchanged && qcow2stream::only_emission_compares(plan, *of);
    auto* handle =
        image_handle(qcow2stream::image_of_plan(of, std::move(plan), settings.assume_unchanged),
                     settings, top_images);
    handle->is_only_emitted = is_only_emitted;
    return handle;
  });
}

int qcow2stream_image_save_plan(const qcow2stream_image* image, int fd, qcow2stream_error** error) {
  return guarded_call(error, [&] { save_plan(given(image, "image"), fd); });
}

uint64_t qcow2stream_image_size(const qcow2stream_image* image) {
  return image == nullptr ? 0 : image->image.size();
}

const char* qcow2stream_image_id(const qcow2stream_image* image, qcow2stream_error** error) {
  return guarded<const char*>(error, nullptr, [&] { return id_of(given(image, "image")); });
}

int qcow2stream_image_measure(const qcow2stream_image* image, const char* name, uint64_t* value,
                              qcow2stream_error** error) {
  return guarded_call(error, [&] {
    given(value, "value") = measure(given(image, "image").image, given_text(name, "name"));
  });
}

const char* qcow2stream_measure_name(size_t index) {
  return index < kMeasures.size() ? kMeasures.at(index).name : nullptr;
}

int64_t qcow2stream_image_read(const qcow2stream_image* image, uint64_t offset, void* buffer,
                               size_t length, qcow2stream_error** error) {
  return guarded(error, std::int64_t{-1}, [&] {
    auto* into = static_cast<std::byte*>(buffer);
    if (length != 0) given(into, "buffer");
    return static_cast<std::int64_t>(read_image(given(image, "image"), offset, {into, length}));
  });
}

int qcow2stream_emit(const qcow2stream_image* image, uint64_t offset, uint64_t length, int fd,
                     qcow2stream_progress progress, void* context, qcow2stream_error** error) {
  return guarded_call(error, [&] {
    const qcow2stream_image& from = given(image, "image");
    emit_image(from, range_of(from.image, offset, length), fd, {progress, context});
  });
}

void qcow2stream_image_free(qcow2stream_image* image) {
  delete image;
}
