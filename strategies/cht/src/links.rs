//! Where a bipartite network of one layer is likely to get its next link: CH3-L3.

use dst_core::Result;
use dst_core::tch::{Device, Kind, Tensor};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How paths of length 3 are added up to the score of an absent link (u, v).
///
/// A path u – a – b – v runs over an input a of u and an output b that shares it. All such a and b are the
/// local community of the link, and the external degree de of one of them is the number of its links
/// that lead neither to u or v nor into the community.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Score {
    /// Over all paths, 1 / √((1 + de(a)) · (1 + de(b))).
    #[default]
    Path,
    /// Over the members of the community, 1 / (1 + de): two products of matrices, for wide layers.
    Node,
}

impl Score {
    /// The scores of all links of a layer with these active ones (`Bool`, shape of the weight), in the
    /// same shape; those of active ones mean nothing.
    pub(crate) fn of(self, active: &Tensor) -> Result<Tensor> {
        let shape = active.size();
        let links = active.reshape([shape[0], -1]).to_kind(Kind::Float);
        let scores = match self {
            Self::Path => by_path(&links)?,
            Self::Node => by_node(&links)?,
        };
        Ok(scores.f_reshape(shape)?)
    }
}

/// For every two outputs u and b, and then for every two inputs a and v, the number 1 + de of b as a
/// member of a community of u (`[out, out]`), and of a as one of v (`[in, in]`), at least 1; and how
/// many neighbours the two share.
///
/// Of the links of b, those that it shares with u lead into the community, and one leads to v.
fn degrees(links: &Tensor) -> Result<[(Tensor, Tensor); 2]> {
    let of = |links: &Tensor| {
        let shared = links.f_matmul(&links.tr())?;
        let degree = links.f_sum_dim_intlist([1i64].as_slice(), false, Kind::Float)?;
        // Symmetric but for the degree, which is that of the column.
        let external = (degree - &shared).clamp_min(1.0);
        Ok::<_, dst_core::Error>((external, shared))
    };
    let (outputs, (inputs, shared)) = (of(links)?, of(&links.tr())?);
    // Rows of `inputs` are to be a, columns v.
    Ok([outputs, (inputs.tr(), shared)])
}

/// b is a member if it shares an input with u and leads to v; a if it leads to u and shares an output
/// with v.
fn by_node(links: &Tensor) -> Result<Tensor> {
    let [outputs, inputs] =
        degrees(links)?.map(|(external, shared)| external.reciprocal() * shared.gt(0.0));
    Ok(outputs.f_matmul(links)? + links.f_matmul(&inputs)?)
}

/// The factor of a depends on v and that of b on u, so that this is no product of matrices. All paths are
/// followed: for every u and a, the factors of all b are added up for every v, and then multiplied by that
/// of a.
fn by_path(links: &Tensor) -> Result<Tensor> {
    let device = links.device();
    let links = links.to_device(Device::Cpu);
    let (outputs, inputs) = links.size2()?;
    let [of_outputs, of_inputs] = degrees(&links)?.map(|(external, _)| external.rsqrt());
    let of_outputs: Vec<f32> = Vec::try_from(of_outputs.contiguous().view(-1))?;
    let of_inputs: Vec<f32> = Vec::try_from(of_inputs.contiguous().view(-1))?;
    let (readers, neighbours) = (adjacency(&links.tr())?, adjacency(&links)?);
    let (height, width) = (outputs as usize, inputs as usize);
    let mut scores = vec![0f32; height * width];
    let mut sums = vec![0f32; width];
    for (u, scores) in scores.chunks_exact_mut(width).enumerate() {
        let factors = &of_outputs[u * height..][..height];
        for a in &neighbours[u] {
            sums.fill(0.0);
            for b in readers[*a as usize].iter().filter(|b| **b as usize != u) {
                let factor = factors[*b as usize];
                for v in &neighbours[*b as usize] {
                    sums[*v as usize] += factor;
                }
            }
            let factors = &of_inputs[*a as usize * width..][..width];
            for ((score, sum), factor) in scores.iter_mut().zip(&sums).zip(factors) {
                *score += sum * factor;
            }
        }
    }
    Ok(Tensor::from_slice(&scores).reshape([outputs, inputs]).to_device(device))
}

/// The columns of every row that are linked.
fn adjacency(links: &Tensor) -> Result<Vec<Vec<u32>>> {
    let (_, columns) = links.size2()?;
    let bytes: Vec<u8> = Vec::try_from(links.to_kind(Kind::Uint8).contiguous().view(-1))?;
    let linked = |row: &[u8]| {
        let columns = (0u32..).zip(row).filter(|(_, set)| **set != 0);
        columns.map(|(column, _)| column).collect()
    };
    Ok(bytes.chunks_exact(columns as usize).map(linked).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use dst_core::SeedStreams;
    use dst_core::selection::random_k;
    use std::collections::BTreeSet;

    /// The definition, by enumerating paths: outputs are 0 …, inputs come after them.
    fn enumerated(score: Score, links: &[Vec<bool>], u: usize, v: usize) -> f64 {
        let (outputs, inputs) = (links.len(), links[0].len());
        let v = outputs + v;
        let linked = |x: usize, y: usize| links[x.min(y)][x.max(y) - outputs];
        let of = |node: usize| -> BTreeSet<usize> {
            match node < outputs {
                true => (outputs..outputs + inputs).filter(|input| linked(node, *input)).collect(),
                false => (0..outputs).filter(|output| linked(*output, node)).collect(),
            }
        };
        let mut paths = Vec::new();
        for a in of(u) {
            for b in of(a) {
                if b != u && a != v && of(b).contains(&v) {
                    paths.push((a, b));
                }
            }
        }
        let community: BTreeSet<usize> = paths.iter().flat_map(|(a, b)| [*a, *b]).collect();
        let external = |node: usize| {
            let leaves = |to: &usize| *to != u && *to != v && !community.contains(to);
            of(node).into_iter().filter(leaves).count() as f64
        };
        match score {
            Score::Path => paths
                .iter()
                .map(|(a, b)| ((1.0 + external(*a)) * (1.0 + external(*b))).sqrt().recip())
                .sum(),
            Score::Node => community.iter().map(|node| (1.0 + external(*node)).recip()).sum(),
        }
    }

    #[test]
    fn both_forms_are_those_of_the_definition() {
        let mut rng = SeedStreams::new(5).stream("links");
        let mut reached = 0;
        for (outputs, inputs, count) in
            [(1, 4, 2), (4, 1, 2), (3, 5, 7), (6, 6, 12), (5, 9, 20), (8, 4, 25), (7, 7, 46)]
        {
            let all = Tensor::ones([outputs, inputs, 1, 1], (Kind::Bool, Device::Cpu));
            let active = random_k(&all, count, &mut rng).unwrap();
            let links: Vec<Vec<bool>> = (0..outputs)
                .map(|row| {
                    let bit = |column| active.int64_value(&[row, column, 0, 0]) != 0;
                    (0..inputs).map(bit).collect()
                })
                .collect();
            for score in [Score::Path, Score::Node] {
                let scores = score.of(&active).unwrap();
                assert_eq!(scores.size(), active.size());
                for (u, row) in links.iter().enumerate() {
                    for v in (0..row.len()).filter(|v| !row[*v]) {
                        let expected = enumerated(score, &links, u, v);
                        let found = scores.double_value(&[u as i64, v as i64, 0, 0]);
                        assert!(
                            (found - expected).abs() < 1e-5,
                            "{score:?} {u} {v}: {found}, {expected}"
                        );
                        reached += usize::from(expected > 0.0);
                    }
                }
            }
        }
        assert!(reached > 50, "{reached} links with a path");
    }

    /// Output 0 has inputs 0 and 1, output 1 has 0 and 2, output 2 has 3.
    ///
    /// One path leads from output 0 to input 2: over input 0 and output 1. Neither has a further link,
    /// so that the score is 1 by path, and 1 + 1 by node. No path leads to input 3.
    #[test]
    fn a_small_network_by_hand() {
        let bits = [1u8, 1, 0, 0, 1, 0, 1, 0, 0, 0, 0, 1];
        let active = Tensor::from_slice(&bits).to_kind(Kind::Bool).reshape([3, 4]);
        let at = |score: Score, u, v| score.of(&active).unwrap().double_value(&[u, v]);
        assert_eq!((at(Score::Path, 0, 2), at(Score::Node, 0, 2)), (1.0, 2.0));
        assert_eq!((at(Score::Path, 0, 3), at(Score::Node, 0, 3)), (0.0, 0.0));
        // With input 3 for output 1 besides, that has one external link: √2 and 2 below the line.
        let _ = active.get(1).get(3).fill_(1);
        assert!((at(Score::Path, 0, 2) - 0.5f64.sqrt()).abs() < 1e-6);
        assert_eq!(at(Score::Node, 0, 2), 1.5);
    }
}
