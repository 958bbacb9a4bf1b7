static size_t largest(const float logits[{{ classes }}])
{
    size_t best = 0;
    for (size_t i = 1; i < {{ classes }}; ++i)
        if (logits[i] > logits[best])
            best = i;
    return best;
}

/*
 * What the header names.
 */

void {{ name }}_logits(const uint8_t image[{{ NAME }}_IMAGE_VALUES], float logits[{{ NAME }}_CLASSES])
{
    run(image, NULL, logits);
}

void {{ name }}_logits_f32(const float image[{{ NAME }}_IMAGE_VALUES], float logits[{{ NAME }}_CLASSES])
{
    run(NULL, image, logits);
}

size_t {{ name }}_predict(const uint8_t image[{{ NAME }}_IMAGE_VALUES])
{
    float logits[{{ NAME }}_CLASSES];
    {{ name }}_logits(image, logits);
    return largest(logits);
}

size_t {{ name }}_predict_f32(const float image[{{ NAME }}_IMAGE_VALUES])
{
    float logits[{{ NAME }}_CLASSES];
    {{ name }}_logits_f32(image, logits);
    return largest(logits);
}

#ifdef {{ NAME }}_PROBABILITIES
void {{ name }}_probabilities(const float logits[{{ NAME }}_CLASSES], float probabilities[{{ NAME }}_CLASSES])
{
    const float shift = logits[largest(logits)]; /* keeps expf from overflowing */
    float sum = 0.0f;
    for (size_t i = 0; i < {{ classes }}; ++i) {
        probabilities[i] = expf(logits[i] - shift);
        sum += probabilities[i];
    }
    for (size_t i = 0; i < {{ classes }}; ++i)
        probabilities[i] /= sum;
}
#endif
