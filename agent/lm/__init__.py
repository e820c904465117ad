"""The language model: it reads a function and writes pipelines for it.

encoding.py      IR as compact text, and back
tokenizer.py     the vocabulary: text, passes and sizes as tokens
prompt.py        a function as the model reads it
data.py          what it is trained on, as tokens; rows of packed examples
preparation.py   from a corpus and its labels to that
model.py         Hugging Face checkpoints: ours from scratch, or any other
training.py      pretraining and fine-tuning
card.py          what a run knows of the model that it made
export.py        from a checkpoint to ONNX
engine.py        the exported model at work, without torch
policy.py        what it holds for most likely, proposed
emulation.py     how well it knows the compiler
"""
