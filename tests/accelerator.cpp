// A second device that computes on the CPU and is as strict about devices as CUDA: for tests, where no accelerator is at hand.
#include <cstdlib>
#include <string>
#include <ATen/ATen.h>
#include <ATen/EmptyTensor.h>
#include <ATen/NativeFunctions.h>
#include <ATen/detail/PrivateUse1HooksInterface.h>
#include <ATen/native/CPUFallback.h>
#include <c10/core/impl/DeviceGuardImplInterface.h>
#include <torch/library.h>

namespace {
using namespace at;
constexpr auto TYPE = c10::DeviceType::PrivateUse1;
bool here(const Tensor& t) { return t.defined() && t.device().type() == TYPE; }

struct Memory final : c10::Allocator {      // on the host, where the CPU's kernels can read it
  static void drop(void* p) { std::free(p); }
  c10::DataPtr allocate(size_t n) override { void* p = std::malloc(n ? n : 1); return {p, p, &drop, c10::Device(TYPE, 0)}; }
  c10::DeleterFnPtr raw_deleter() const override { return &drop; }
  void copy_data(void* to, const void* from, std::size_t n) const final { default_copy_data(to, from, n); }
} memory;
REGISTER_ALLOCATOR(TYPE, &memory)

struct Guard final : c10::impl::DeviceGuardImplInterface {      // one device, one stream
  c10::Device one() const { return c10::Device(TYPE, 0); }
  c10::Stream only() const { return c10::Stream(c10::Stream::DEFAULT, one()); }
  c10::DeviceType type() const override { return TYPE; }
  c10::Device exchangeDevice(c10::Device) const override { return one(); }
  c10::Device getDevice() const override { return one(); }
  void setDevice(c10::Device) const override {}
  void uncheckedSetDevice(c10::Device) const noexcept override {}
  c10::Stream getStream(c10::Device) const override { return only(); }
  c10::Stream getDefaultStream(c10::Device) const override { return only(); }
  c10::Stream exchangeStream(c10::Stream) const override { return only(); }
  c10::DeviceIndex deviceCount() const noexcept override { return 1; }
  void record(void**, const c10::Stream&, const c10::DeviceIndex, const c10::EventFlag) const override {}
  void block(void*, const c10::Stream&) const override {}
  bool queryEvent(void*) const override { return true; }
  bool queryStream(const c10::Stream&) const override { return true; }
  void synchronizeStream(const c10::Stream&) const override {}
  void synchronizeEvent(void*) const override {}
  void synchronizeDevice(const c10::DeviceIndex) const override {}
};
C10_REGISTER_GUARD_IMPL(PrivateUse1, Guard)

struct Hooks final : PrivateUse1HooksInterface {
  bool isBuilt() const override { return true; }
  bool isAvailable() const override { return true; }
  bool hasPrimaryContext(c10::DeviceIndex) const override { return true; }
};

// What CUDA refuses: a CPU tensor (other than a scalar) beside a tensor of the device, one written to, a generator of the CPU; and what it would draw from a generator of its own
void check(const c10::OperatorHandle& op, const torch::jit::Stack& stack) {
  const auto& schema = op.schema();
  const auto& arguments = schema.arguments();
  const std::string name = schema.name();
  const bool indexing = name.find("index_put") != std::string::npos || name == "aten::index" || name == "aten::_unsafe_index";
  const size_t first = stack.size() - arguments.size();
  bool device = false, random = false;
  for (size_t i = 0; i < arguments.size(); i++) {
    const auto& value = stack[first + i];
    if (value.isTensor()) device |= here(value.toTensor());
    else if (value.isTensorList()) for (const auto& t : value.toTensorVector()) device |= here(t);
    else if (value.isOptionalTensorList()) for (const auto& t : value.toOptionalTensorVector()) device |= t.has_value() && here(*t);
    else if (value.isDevice()) device |= value.toDevice().type() == TYPE;
  }
  if (!device) return;
  auto look = [&](const Tensor& t, const c10::Argument& argument) {
    const bool written = argument.alias_info() && argument.alias_info()->isWrite();
    TORCH_CHECK(!t.defined() || here(t) || (t.dim() == 0 && !written),
                "Expected all tensors to be on the same device, but found at least two devices, accel:0 and cpu! (argument ", argument.name(), " of ", name, ")");
  };
  for (size_t i = 0; i < arguments.size(); i++) {
    const auto& value = stack[first + i];
    if (value.isTensor()) look(value.toTensor(), arguments[i]);
    else if (value.isTensorList()) for (const auto& t : value.toTensorVector()) look(t, arguments[i]);
    else if (value.isOptionalTensorList() && !indexing) for (const auto& t : value.toOptionalTensorVector()) { if (t.has_value()) look(*t, arguments[i]); }
    else if (value.isGenerator()) TORCH_CHECK(value.toGenerator().device().type() == TYPE, "Expected a 'accel' device type for generator but found 'cpu' (", name, ")");
    random |= value.isNone() && arguments[i].name() == "generator";
  }
  TORCH_CHECK(!random, name, ": random numbers from the global generator of the device");
}

void fallback(const c10::OperatorHandle& op, torch::jit::Stack* stack) {
  check(op, *stack);
  native::cpu_fallback(op, stack);
}

Tensor make(c10::SymIntArrayRef size, std::optional<ScalarType> dtype, std::optional<Layout>, std::optional<Device>, std::optional<bool>, std::optional<MemoryFormat> format) {
  return at::detail::empty_generic(C10_AS_INTARRAYREF_SLOW(size), &memory, c10::DispatchKeySet(c10::DispatchKey::PrivateUse1), c10::dtype_or_default(dtype), format);
}
Tensor make_strided(c10::SymIntArrayRef size, c10::SymIntArrayRef stride, std::optional<ScalarType> dtype, std::optional<Layout>, std::optional<Device>, std::optional<bool>) {
  return at::detail::empty_strided_generic(C10_AS_INTARRAYREF_SLOW(size), C10_AS_INTARRAYREF_SLOW(stride), &memory, c10::DispatchKeySet(c10::DispatchKey::PrivateUse1), c10::dtype_or_default(dtype));
}
Tensor on_cpu(const Tensor& t) {      // the same memory, as a tensor of the CPU
  if (!here(t)) return t;
  Tensor view = from_blob(t.data_ptr(), t.sizes(), t.strides(), TensorOptions(t.dtype()));
  if (t.is_conj()) view._set_conj(true);
  if (t.is_neg()) view._set_neg(true);
  return view;
}
Tensor only(const Tensor& t) {      // for kernels that the check above does not see
  TORCH_CHECK(!t.defined() || here(t), "Expected all tensors to be on the same device, but found at least two devices, accel:0 and cpu!");
  return t.defined() ? on_cpu(t) : t;
}
std::optional<Tensor> only(const std::optional<Tensor>& t) { return t.has_value() ? std::optional<Tensor>(only(*t)) : t; }
Tensor copy_from(const Tensor& from, const Tensor& to, bool) { on_cpu(to).copy_(on_cpu(from)); return to; }
Tensor copy_from_and_resize(const Tensor& from, const Tensor& to) { if (to.sizes() != from.sizes()) to.resize_(from.sizes()); return copy_from(from, to, false); }
Tensor convolve(const Tensor& x, const Tensor& w, const std::optional<Tensor>& b, IntArrayRef stride, IntArrayRef padding, IntArrayRef dilation, bool transposed, IntArrayRef more, int64_t groups) {
  return at::convolution(only(x), only(w), only(b), stride, padding, dilation, transposed, more, groups).to(x.device());
}
std::tuple<Tensor, Tensor, Tensor> normalise(const Tensor& x, const std::optional<Tensor>& w, const std::optional<Tensor>& b, const std::optional<Tensor>& mean, const std::optional<Tensor>& var, bool training, double momentum, double eps) {
  const auto [y, m, s] = at::native_batch_norm(only(x), only(w), only(b), only(mean), only(var), training, momentum, eps);      // changes mean and var, and its schema does not say so
  return {y.to(x.device()), m.to(x.device()), s.to(x.device())};
}
const bool registered = (RegisterPrivateUse1HooksInterface(new Hooks()), true);
}

TORCH_LIBRARY_IMPL(_, PrivateUse1, m) { m.fallback(torch::CppFunction::makeFromBoxedFunction<&fallback>()); }
TORCH_LIBRARY_IMPL(aten, PrivateUse1, m) {
  m.impl("empty.memory_format", &make);
  m.impl("empty_strided", &make_strided);
  m.impl("_copy_from", &copy_from);
  m.impl("_copy_from_and_resize", &copy_from_and_resize);
  m.impl("convolution_overrideable", &convolve);
  m.impl("native_batch_norm", &normalise);
  m.impl("view", &native::view);                       // these only look at sizes and strides: the CPU's will do
  m.impl("view.dtype", &native::view_dtype);
  m.impl("as_strided", &native::as_strided_tensorimpl);
  m.impl("_reshape_alias", &native::_reshape_alias);
  m.impl("unfold", &native::unfold);
  m.impl("view_as_real", &native::view_as_real);
  m.impl("view_as_complex", &native::view_as_complex);
  m.impl("resize_", &native::resize_);
  m.impl("set_.source_Storage_storage_offset", &native::set_storage_cpu_);
  m.impl("set_.source_Storage", &native::set_);
  m.impl("set_.source_Tensor", &native::set_tensor_);
}
TORCH_LIBRARY_IMPL(aten, Conjugate, m) { m.impl("_copy_from", torch::CppFunction::makeFallthrough()); }      // `on_cpu` keeps both marks
TORCH_LIBRARY_IMPL(aten, Negative, m) { m.impl("_copy_from", torch::CppFunction::makeFallthrough()); }
