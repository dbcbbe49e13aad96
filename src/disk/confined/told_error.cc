// SPDX-License-Identifier: GPL-2.0-or-later

#include "disk/confined/told_error.h"

#include <algorithm>
#include <string_view>

#include "base/errors.h"
#include "base/fields.h"

namespace qcow2stream::confined {
namespace {

// Of a text that lists what an image has; beyond that nobody reads it.
constexpr std::size_t kMostErrorText = 64U << 10;

constexpr std::uint64_t kMostErrno = 4095;

std::string_view shortened(const std::string& text) {
  return std::string_view(text).substr(0, kMostErrorText);
}

// What a reader of one image may advise: what is done then is up to whoever runs the program.
Advice advice_of(std::uint64_t number) {
  for (const Advice advice :
       {Advice::kReadWithQemu, Advice::kSmallerClusters, Advice::kIgnoreOwnRoot}) {
    if (number == static_cast<std::uint64_t>(advice)) return advice;
  }
  return Advice::kNone;
}

}  // namespace

std::size_t write_error(const Error& error, std::span<std::byte> out) {
  FieldWriter fields(out);
  fields.number(static_cast<std::uint64_t>(error.kind()));
  fields.number(static_cast<std::uint64_t>(error.subject()));
  fields.number(static_cast<std::uint64_t>(error.advice()));
  fields.number(error.advice_number());
  fields.number(static_cast<std::uint64_t>(std::max(error.error_number(), 0)));
  fields.number(error.offset() ? 1 : 0);
  fields.number(error.offset().value_or(0));
  fields.text(shortened(error.what_failed()));
  fields.text(shortened(error.reason()));
  return fields.size();
}

std::optional<Error> read_error(std::span<const std::byte> bytes, const std::string& name) {
  FieldReader fields(bytes);
  const auto kind = fields.number_up_to(static_cast<std::uint64_t>(ErrorKind::kDamaged));
  const auto subject = fields.number_up_to(static_cast<std::uint64_t>(ErrorSubject::kPlan));
  const Advice advice = advice_of(fields.number());
  const std::uint64_t advice_number = fields.number();
  const auto number = fields.number_up_to(kMostErrno);
  const bool has_offset = fields.number() != 0;
  const std::uint64_t offset = fields.number();
  const std::string what_failed = one_line(fields.text(kMostErrorText));
  const std::string reason = one_line(fields.text(kMostErrorText));
  if (!fields.is_at_end()) return std::nullopt;
  Error error(static_cast<ErrorKind>(kind), name, what_failed, reason);
  error.about(static_cast<ErrorSubject>(subject))
      .advise(advice, advice_number)
      .with_errno(static_cast<int>(number));
  if (has_offset) error.at(offset);
  return error;
}

}  // namespace qcow2stream::confined
