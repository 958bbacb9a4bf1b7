/* Made by litecnn-export {{ version }}; see {{ name }}.h. */
#include "{{ name }}.h"

#ifdef {{ NAME }}_PROBABILITIES
#include <math.h>
#endif

const char *const {{ name }}_class_names[{{ NAME }}_CLASSES] = {
{% for class in class_names %}
    {{ class }},
{% endfor %}
};

/*
 * Weights. Convolutions lie as [output][row][column][input], those of each channel alone as [row][column][channel].
 */

{{ weights }}
/*
 * Operations. Maps lie as [row][column][channel].
 */

enum kind { CONVOLUTION, EACH_ALONE, LARGEST, MEAN };

struct map {
    size_t place; /* where it starts in the scratch memory */
    size_t height;
    size_t width;
    size_t channels;
};

struct operation {
    enum kind kind;
    struct map from;
    struct map to;
    size_t added;  /* where what is added starts, or NOTHING */
    int bounds;    /* 0 for none, 1 for values from 0 on, 6 for values from 0 to 6 */
    size_t groups; /* blocks of channels that do not see each other */
    size_t kernel[2];
    size_t stride[2];
    size_t padding[2];
    const float *weight;
    const float *bias;
};

#define NOTHING ((size_t)-1)

static const struct operation operations[{{ operations|length }}] = {
{% for op in operations %}
    { {{ op.kind }}, { {{ op.from|join(", ") }} }, { {{ op.to|join(", ") }} }, {{ op.added }}, {{ op.bounds }}, {{ op.groups }}, { {{ op.kernel|join(", ") }} }, { {{ op.stride|join(", ") }} }, { {{ op.padding|join(", ") }} }, {{ op.weight }}, {{ op.bias }} },
{% endfor %}
};

/* Rows or columns of a window that lie in the map: from `first` to before `end` of the window's. */
struct part {
    size_t first;
    size_t end;
    size_t start; /* where in the map the first one is */
};

static struct part part_of(const struct operation *op, int axis, size_t at)
{
    const size_t side = axis == 0 ? op->from.height : op->from.width;
    const size_t begin = at * op->stride[axis], padding = op->padding[axis], kernel = op->kernel[axis];
    struct part part;
    part.first = begin < padding ? padding - begin : 0;
    part.end = begin + kernel > padding + side ? padding + side - begin : kernel;
    part.start = begin + part.first - padding;
    return part;
}

/* A position of a convolution: sums of products for each output. */
static void convolve(const struct operation *op, const float *from, struct part y, struct part x, float *out)
{
    const size_t inputs = op->from.channels / op->groups, outputs = op->to.channels / op->groups;
    const size_t row = op->kernel[1] * inputs;
    /* Without groups the columns' values lie side by side. */
    const size_t runs = op->groups == 1 ? 1 : x.end - x.first;
    const size_t length = op->groups == 1 ? (x.end - x.first) * inputs : inputs;
    for (size_t o = 0; o < op->to.channels; ++o) {
        const float *first = from + (y.start * op->from.width + x.start) * op->from.channels + o / outputs * inputs;
        const float *weight = op->weight + (o * op->kernel[0] + y.first) * row + x.first * inputs;
        float sum = op->bias[o];
        for (size_t i = y.first; i < y.end; ++i) {
            for (size_t run = 0; run < runs; ++run) {
                const float *values = first + run * op->from.channels;
                const float *factors = weight + run * inputs;
                for (size_t j = 0; j < length; ++j)
                    sum += factors[j] * values[j];
            }
            first += op->from.width * op->from.channels;
            weight += row;
        }
        out[o] = sum;
    }
}

/* A position of an operation on each channel alone. */
static void each_alone(const struct operation *op, const float *from, struct part y, struct part x, float *out)
{
    const size_t channels = op->from.channels;
    int is_first = 1;
    if (op->kind != LARGEST)
        for (size_t c = 0; c < channels; ++c)
            out[c] = op->kind == EACH_ALONE ? op->bias[c] : 0.0f;
    for (size_t i = y.first; i < y.end; ++i)
        for (size_t j = x.first; j < x.end; ++j) {
            const float *values = from + ((y.start + i - y.first) * op->from.width + x.start + j - x.first) * channels;
            if (op->kind == EACH_ALONE) {
                const float *factors = op->weight + (i * op->kernel[1] + j) * channels;
                for (size_t c = 0; c < channels; ++c)
                    out[c] += factors[c] * values[c];
            } else if (op->kind == MEAN) {
                for (size_t c = 0; c < channels; ++c)
                    out[c] += values[c];
            } else {
                for (size_t c = 0; c < channels; ++c)
                    if (is_first || values[c] > out[c])
                        out[c] = values[c];
            }
            is_first = 0;
        }
    if (op->kind == MEAN)
        for (size_t c = 0; c < channels; ++c)
            out[c] /= (float)(op->kernel[0] * op->kernel[1]);
}

struct scratch {
    float values[{{ values }}];
    float position[{{ most }}]; /* the outputs of one position */
};

/* Does not compile if the header is wrong. */
typedef char scratch_is_as_documented[sizeof(struct scratch) == {{ NAME }}_SCRATCH_BYTES ? 1 : -1];

static void run_operation(const struct operation *op, struct scratch *scratch)
{
    const float *from = scratch->values + op->from.place;
    float *to = scratch->values + op->to.place;
    const float *added = op->added == NOTHING ? NULL : scratch->values + op->added;
    for (size_t y = 0; y < op->to.height; ++y)
        for (size_t x = 0; x < op->to.width; ++x) {
            const struct part rows = part_of(op, 0, y), columns = part_of(op, 1, x);
            /* The outcome may lie where what is added lies. */
            float *out = scratch->position;
            if (op->kind == CONVOLUTION)
                convolve(op, from, rows, columns, out);
            else
                each_alone(op, from, rows, columns, out);
            for (size_t o = 0; o < op->to.channels; ++o) {
                float value = added == NULL ? out[o] : out[o] + *added++;
                if (op->bounds > 0 && value < 0.0f)
                    value = 0.0f;
                if (op->bounds == 6 && value > 6.0f)
                    value = 6.0f;
                *to++ = value;
            }
        }
}

/* Pixels as bytes or from 0 to 1; the other pointer is NULL. */
static void run(const uint8_t *bytes, const float *values, float logits[{{ NAME }}_CLASSES])
{
#ifdef {{ NAME }}_STATIC_SCRATCH
    static struct scratch scratch;
#else
    struct scratch scratch;
#endif
    float *image = scratch.values + {{ image }};
    for (size_t i = 0; i < {{ NAME }}_IMAGE_VALUES; ++i) {
        const float pixel = bytes == NULL ? values[i] : (float)bytes[i] / 255.0f;
        image[i] = pixel * image_factors[i % {{ NAME }}_CHANNELS] + image_summands[i % {{ NAME }}_CHANNELS];
    }
    for (size_t i = 0; i < {{ operations|length }}; ++i)
        run_operation(&operations[i], &scratch);
    for (size_t i = 0; i < {{ NAME }}_CLASSES; ++i)
        logits[i] = scratch.values[{{ result }} + i];
}

{{ interface }}
