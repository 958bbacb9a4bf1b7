{% set stages = plan.stages %}
{% set last = stages[-1] %}
{% set last_row = "row_" ~ stages|length %}
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
 * Weights. Convolutions lie as [filter][y][x][channel], dense layers as [input][output].
 */

{{ weights }}
/*
 * Layers.
 */

/* A 3x3 convolution without padding, the largest of every 2x2 of its values, and ReLU. */
struct stage {
    size_t row;      /* values in a row of its input */
    size_t channels; /* values in a pixel of its input */
    size_t width;    /* pixels in a row of its output */
    size_t filters;  /* values in a pixel of its output */
    const float *weight;
    const float *bias;
};

struct branch {
    struct stage stages[{{ stages|length }}];
    const float *head_weight;
    const float *head_bias;
};

static const struct branch branches[{{ plan.branches }}] = {
{% for b in range(1, plan.branches + 1) %}
    {
        {
{% for stage in stages %}
            { {{ stage.row }}, {{ stage.input[0] }}, {{ stage.output[2] }}, {{ stage.output[0] }}, branch_{{ b }}_conv_{{ loop.index }}_weight, branch_{{ b }}_conv_{{ loop.index }}_bias },
{% endfor %}
        },
        branch_{{ b }}_head_weight,
        branch_{{ b }}_head_bias,
    },
{% endfor %}
};

/* Row `y` of a stage's output. `rows` is a ring of the four rows of input it is made of: row r is at r % 4. */
static void stage_row(const struct stage *stage, const float *rows, size_t y, float *out)
{
    const size_t channels = stage->channels;
    const float *input[4];
    for (size_t i = 0; i < 4; ++i)
        input[i] = rows + (2 * y + i) % 4 * stage->row;
    for (size_t x = 0; x < stage->width; ++x) {
        const float *weight = stage->weight;
        for (size_t filter = 0; filter < stage->filters; ++filter) {
            /* The four convolutions that are pooled, side by side: each weight is read once. */
            float a = 0.0f, b = 0.0f, c = 0.0f, d = 0.0f;
            for (size_t i = 0; i < 3; ++i) {
                const float *upper = input[i] + 2 * x * channels;
                const float *lower = input[i + 1] + 2 * x * channels;
                for (size_t j = 0; j < 3 * channels; ++j) {
                    const float w = *weight++;
                    a += w * upper[j];
                    b += w * upper[j + channels];
                    c += w * lower[j];
                    d += w * lower[j + channels];
                }
            }
            a = a > b ? a : b;
            c = c > d ? c : d;
            a = (a > c ? a : c) + stage->bias[filter];
            *out++ = a > 0.0f ? a : 0.0f;
        }
    }
}

/* Adds to each output the products of `count` values with its weights. */
static void add_products(const float *values, size_t count, const float *weight, float *outputs, size_t output_count)
{
    for (size_t i = 0; i < count; ++i, weight += output_count) {
        const float value = values[i];
        if (value > 0.0f || value < 0.0f) /* ReLU leaves many zeros */
            for (size_t j = 0; j < output_count; ++j)
                outputs[j] += value * weight[j];
    }
}

static void copy(const float *from, size_t count, float *to)
{
    for (size_t i = 0; i < count; ++i)
        to[i] = from[i];
}
{% if plan.hidden %}

static void relu(float *values, size_t count)
{
    for (size_t i = 0; i < count; ++i)
        values[i] = values[i] > 0.0f ? values[i] : 0.0f;
}
{% endif %}

/*
 * The model. A row of a stage's output needs four rows of its input, so no more are kept of any map.
 */

/* Pixels as bytes or from 0 to 1; the other pointer is NULL. */
struct image {
    const uint8_t *bytes;
    const float *values;
};

struct scratch {
{% for stage in stages %}
    float rows_{{ loop.index0 }}[4 * {{ stage.row }}]; /* of {{ stage.input[1] }} rows of {{ stage.input[2] }} pixels of {{ stage.input[0] }} values */
{% endfor %}
    float {{ last_row }}[{{ last.output_row }}]; /* of {{ last.output[1] }} rows of {{ last.output[2] }} pixels of {{ last.output[0] }} values */
{% if plan.hidden %}
    float joined[{{ plan.branches }} * {{ plan.classes }}];
    float hidden[{{ plan.hidden }}];
{% endif %}
};

/* Does not compile if the header is wrong. */
typedef char scratch_is_as_documented[sizeof(struct scratch) == {{ NAME }}_SCRATCH_BYTES ? 1 : -1];

/* A branch on its way through an image. */
struct pass {
    const struct branch *branch;
    const struct image *image;
    struct scratch *scratch;
    size_t made[{{ stages|length }}]; /* rows made so far, of the image and of each stage's output but the last */
};

static void make_rows_0(struct pass *pass, size_t end)
{
    for (; pass->made[0] < end; ++pass->made[0]) {
        const size_t from = pass->made[0] * {{ stages[0].row }};
        float *row = pass->scratch->rows_0 + pass->made[0] % 4 * {{ stages[0].row }};
        if (pass->image->bytes == NULL)
            copy(pass->image->values + from, {{ stages[0].row }}, row);
        else
            for (size_t i = 0; i < {{ stages[0].row }}; ++i)
                row[i] = (float)pass->image->bytes[from + i] / 255.0f;
    }
}
{% for stage in stages[:-1] %}

static void make_rows_{{ loop.index }}(struct pass *pass, size_t end)
{
    for (; pass->made[{{ loop.index }}] < end; ++pass->made[{{ loop.index }}]) {
        const size_t y = pass->made[{{ loop.index }}];
        make_rows_{{ loop.index0 }}(pass, 2 * y + 4);
        stage_row(&pass->branch->stages[{{ loop.index0 }}], pass->scratch->rows_{{ loop.index0 }}, y, pass->scratch->rows_{{ loop.index }} + y % 4 * {{ stage.output_row }});
    }
}
{% endfor %}

static void run_branch(const struct branch *branch, const struct image *image, struct scratch *scratch, float outputs[{{ plan.classes }}])
{
    struct pass pass = { branch, image, scratch, { 0 } };
    copy(branch->head_bias, {{ plan.classes }}, outputs);
    for (size_t y = 0; y < {{ last.output[1] }}; ++y) {
        make_rows_{{ stages|length - 1 }}(&pass, 2 * y + 4);
        stage_row(&branch->stages[{{ stages|length - 1 }}], scratch->rows_{{ stages|length - 1 }}, y, scratch->{{ last_row }});
        add_products(scratch->{{ last_row }}, {{ last.output_row }}, branch->head_weight + y * {{ last.output_row * plan.classes }}, outputs, {{ plan.classes }});
    }
}

static void run(const uint8_t *bytes, const float *values, float logits[{{ plan.classes }}])
{
    const struct image of_pixels = { bytes, values };
    const struct image *image = &of_pixels;
#ifdef {{ NAME }}_STATIC_SCRATCH
    static struct scratch scratch;
#else
    struct scratch scratch;
#endif
{% if plan.hidden %}
    for (size_t i = 0; i < {{ plan.branches }}; ++i)
        run_branch(&branches[i], image, &scratch, scratch.joined + i * {{ plan.classes }});
{% if relu_heads %}
    relu(scratch.joined, {{ plan.branches * plan.classes }});
{% endif %}
    copy(hidden_bias, {{ plan.hidden }}, scratch.hidden);
    add_products(scratch.joined, {{ plan.branches * plan.classes }}, hidden_weight, scratch.hidden, {{ plan.hidden }});
    relu(scratch.hidden, {{ plan.hidden }});
    copy(output_bias, {{ plan.classes }}, logits);
    add_products(scratch.hidden, {{ plan.hidden }}, output_weight, logits, {{ plan.classes }});
{% else %}
    run_branch(&branches[0], image, &scratch, logits);
{% endif %}
}

{{ interface }}
